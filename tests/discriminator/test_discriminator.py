"""Training of the pattern reward model, on the calls of food_delivery."""

import json
import subprocess
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from gsim_env.cli.app import app
from gsim_env.discriminator.baselines import model_and_baseline_classifiers
from gsim_env.discriminator.metrics import expected_calibration_error
from gsim_env.discriminator.negatives import (
    drop_unfinished_sentence,
    generate_negative_answers,
    read_negative_answers,
    sample_d_sim_dialogues,
)
from gsim_env.discriminator.pairs import (
    AnswerPair,
    labeled_answers_of_pairs,
    length_matched_pairs,
    load_answer_pairs,
    split_pairs_by_dialogue,
)
from gsim_env.discriminator.settings import CONFIGS, read_discriminator_settings
from gsim_env.discriminator.train import train_discriminator
from gsim_env.errors import ConfigurationError, CorpusError
from gsim_env.rewards.embedding_discriminator import EmbeddingDiscriminator
from gsim_env.rewards.pattern import load_discriminator
from gsim_env.rewards.turns import Turn
from gsim_env.util.files import truncate_torn_line

CONTEXT = [{"role": "user", "content": "Would you like to try it for a month?"}]


def pair(real, fake):
    return AnswerPair("c", 0, "g", 1.0, Turn(CONTEXT, real), Turn(CONTEXT, fake))


def test_length_matching_cuts_after_a_sentence():
    found = list(
        length_matched_pairs(
            [
                pair(
                    "No, not now, thank you.",
                    "I would love to hear it. Please tell me all about it!",
                )
            ]
        )
    )
    assert [one.fake.answer for one in found] == ["I would love to hear it."]
    assert (
        list(
            length_matched_pairs(
                [pair("No.", "I would love to hear it. Please tell me all about it!")]
            )
        )
        == []
    )
    assert len(list(length_matched_pairs([pair("No.", "Of course.")]))) == 1


def test_negatives_must_belong_to_rows_and_faults_are_left_out(d_sim, negatives, tmp_path):
    pairs = load_answer_pairs(d_sim, negatives)
    lines = len(negatives.read_text(encoding="utf-8").splitlines())
    assert 0.9 * lines < len(pairs) <= lines
    assert all(one.real.context == one.fake.context and one.real.answer for one in pairs)
    first = json.loads(negatives.read_text().splitlines()[0])
    for change, message in (
        ({"call_id": "unknown"}, "is not in"),
        ({"text": "..."}, "holds no answer"),
    ):
        file = tmp_path / "negatives.jsonl"
        file.write_text(json.dumps(first | change) + "\n", encoding="utf-8")
        with pytest.raises(CorpusError, match=message):
            load_answer_pairs(d_sim, file)


def test_a_torn_line_is_skipped_and_truncated(tmp_path):
    file = tmp_path / "negatives.jsonl"
    line = (
        '{"call_id": "c", "turn": 1, "generator": "g", "temperature": 1.0, "text": "No.\u2028"}\n'
    )
    file.write_text(line + '{"call_id": "c", "tur', encoding="utf-8")
    (negative,) = read_negative_answers(file)
    assert (negative.key, negative.text) == (("c", 1), "No.\u2028")
    # Reading leaves the file alone: another process may be writing it.
    assert file.read_text(encoding="utf-8") == line + '{"call_id": "c", "tur'

    for _ in range(2):
        truncate_torn_line(file)
        assert file.read_text(encoding="utf-8") == line
        assert list(read_negative_answers(file)) == [negative]


def test_dialogues_are_drawn_whole_and_in_a_fixed_order(d_sim):
    few, more = sample_d_sim_dialogues(d_sim, 3, 0), sample_d_sim_dialogues(d_sim, 5, 0)
    assert more[:3] == few
    assert sample_d_sim_dialogues(d_sim, 3, 1) != few
    for rows in more:
        assert len({row["extra_info"]["call_id"] for row in rows}) == 1
        assert [row["extra_info"]["turn"] for row in rows] == list(range(len(rows)))


def test_a_truncated_answer_loses_its_last_sentence():
    long = "I see. " + "and so on " * 12
    assert drop_unfinished_sentence(long) == "I see."
    assert drop_unfinished_sentence(long + ".") == long + "."
    assert drop_unfinished_sentence("I see. And so") == "I see. And so"
    assert drop_unfinished_sentence("on " * 40) == "on " * 40


def settings_of(d_sim, negatives, out, *more):
    """Overrides for the embedding configuration with existing negatives."""
    asked = [
        f"d_sim={d_sim}",
        f"out={out}",
        f"negatives.file={negatives}",
        "negatives.generators.smollm2-135m=null",
    ]
    return [*asked, "license=Apache-2.0", "model.encoder=hashing", *more]


@pytest.fixture(scope="module")
def trained(d_sim, negatives, tmp_path_factory):
    """The output folder of the command, and its printed output."""
    out = tmp_path_factory.mktemp("discriminator")
    command = ["train", "discriminator", "--config", "embedding"]
    done = CliRunner().invoke(
        app, [*command, *settings_of(d_sim, negatives, out)], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    return out, done.output


def test_the_command_writes_model_report_plots_and_card(trained, pairs):
    out, said = trained
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    everything = report["held_out"]["all"]
    assert set(everything) == {"model", "shuffled_context", "bag_of_words", "length_only"}
    assert everything["model"]["accuracy"] > 0.8
    assert everything["model"]["auc"] > everything["length_only"]["auc"]
    assert everything["model"]["ece"] < 0.2
    assert sum(part["sales"] for part in report["pairs"].values()) == len(pairs)
    assert report["held_out"]["by_generator"]["sales"] == everything["model"]
    assert [point["dialogues"] for point in report["learning_curve"]] == sorted(
        {point["dialogues"] for point in report["learning_curve"]}
    )
    assert report["transfer"] == {}  # one generator: there is no other to learn from
    for name in ("reliability", "scores", "learning_curve"):
        assert (out / "plots" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert "| model | " in said
    assert "Apache-2.0" in (out / "CARD.md").read_text(encoding="utf-8")


def test_the_report_is_of_the_saved_model_on_held_out_dialogues(trained, pairs):
    learnt, test = split_pairs_by_dialogue(pairs, 0.1)
    assert not {one.call_id for one in learnt} & {one.call_id for one in test}
    model = load_discriminator(str(trained[0]))
    turns, real, _ = labeled_answers_of_pairs(test)
    found = model.probability(turns)
    report = json.loads((trained[0] / "report.json").read_text(encoding="utf-8"))
    assert np.mean((found > 0.5) == real) == pytest.approx(
        report["held_out"]["all"]["model"]["accuracy"], abs=1e-4
    )
    one_by_one = [model.probability([turn])[0] for turn in turns[:20]]
    assert found[:20] == pytest.approx(one_by_one, abs=1e-6)
    assert model_and_baseline_classifiers(learnt, model, 0, "en")["model"](turns) == pytest.approx(
        found
    )


@pytest.mark.slow
def test_transfer_scores_are_of_a_model_trained_without_the_generator(d_sim, negatives, tmp_path):
    lines = [json.loads(line) for line in negatives.read_text(encoding="utf-8").splitlines()]
    shouted = [{**line, "generator": "shouting", "text": line["text"].upper()} for line in lines]
    both = tmp_path / "negatives.jsonl"
    both.write_text("".join(json.dumps(line) + "\n" for line in lines + shouted), encoding="utf-8")
    report = train_discriminator(
        read_discriminator_settings("embedding", settings_of(d_sim, both, tmp_path / "out")), ""
    )
    assert set(report.transfer) == {"sales", "shouting"}
    assert (tmp_path / "out" / "studies" / "without_sales" / "embedding.json").is_file()
    assert (
        report.transfer["shouting"].all.accuracy < report.held_out.by_generator["shouting"].accuracy
    )


BLOCK_EXTRA = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"matplotlib", "omegaconf", "pyarrow", "scipy", "sklearn",
                                      "threadpoolctl", "torch", "tqdm"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Block())
"""


@pytest.mark.parametrize("extra_installed", [True, False])
def test_the_command_starts_outside_a_clone_and_without_the_extra(tmp_path, extra_installed):
    def gsim(*arguments):
        code = "from gsim_env.cli import main; main()"
        return subprocess.run(
            [
                sys.executable,
                "-c",
                code if extra_installed else BLOCK_EXTRA + code,
                "train",
                "discriminator",
                *arguments,
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    shown = gsim("--help")
    assert shown.returncode == 0, shown.stderr
    assert "--config" in shown.stdout

    # The built-in settings are found, and only what the user must give is missing.
    failed = gsim("--config", "embedding")
    assert failed.returncode == 2
    missing = "d_sim" if extra_installed else "pip install 'gsim-env[train]'"
    assert missing in failed.stderr


def test_errors_name_the_wrong_setting():
    for change, message in (
        ((), "d_sim"),
        (("d_sim=x", "out=y", "license=z", "seeds=1"), "seeds"),
        (("d_sim=x", "out=y", "license=z", "held_out=0.9"), "held_out"),
        (("d_sim=x", "out=y", "license=z", "model.backend=svm"), "svm"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            read_discriminator_settings("embedding", change)
    with pytest.raises(ConfigurationError, match="embedding, paper, sequence_classification"):
        read_discriminator_settings("nowhere.yaml")


@pytest.mark.parametrize("name", sorted(file.stem for file in CONFIGS.iterdir()))
def test_every_configuration_can_be_read(name):
    given = [
        "d_sim=x",
        "out=y",
        "license=z",
        *(["model.model=m"] if name.startswith("sequence") else []),
    ]
    assert read_discriminator_settings(name, given).seed == 0


def test_a_folder_without_a_model_is_an_error(tmp_path):
    with pytest.raises(ConfigurationError, match="holds no discriminator"):
        EmbeddingDiscriminator.load(tmp_path)
    (tmp_path / "embedding.json").write_text('{"weights": 3}')
    with pytest.raises(ConfigurationError, match="holds no discriminator"):
        EmbeddingDiscriminator.load(tmp_path)


def test_calibration_error_is_the_gap_of_probability_and_share():
    real = np.array([True, True, False, False])
    assert expected_calibration_error(np.array([1.0, 1.0, 0.0, 0.0]), real) == pytest.approx(0.0)
    assert expected_calibration_error(np.array([1.0, 1.0, 1.0, 1.0]), real) == pytest.approx(0.5)
    assert expected_calibration_error(np.full(4, 0.7), real) == pytest.approx(0.2)


@pytest.mark.slow
def test_a_real_model_generates_each_negative_once(d_sim, tmp_path):
    out, dialogues = tmp_path / "negatives.jsonl", sample_d_sim_dialogues(d_sim, 3, 0)
    generators = {"smollm2": {"backend": "embedded", "context": 2048, "parallel": 4}}
    generate_negative_answers([rows[:2] for rows in dialogues[:2]], out, generators, [0.5, 1.0])
    two = out.read_text(encoding="utf-8")
    out.write_text(two[:-20], encoding="utf-8")  # a crash
    generate_negative_answers([rows[:2] for rows in dialogues], out, generators, [0.5, 1.0])
    assert out.read_text(encoding="utf-8").startswith("".join(two.splitlines(keepends=True)[:-1]))
    rows = list(read_negative_answers(out))
    assert len({row.key for row in rows}) == len(rows) == 6
    assert {row.temperature for row in rows} == {0.5, 1.0}
    assert load_answer_pairs(d_sim, out)


@pytest.mark.slow
def test_a_language_model_learns_and_resumes(d_sim, negatives, smollm2_folder, tmp_path):
    few = tmp_path / "negatives.jsonl"
    few.write_text(
        "".join(negatives.read_text(encoding="utf-8").splitlines(keepends=True)[:120]),
        encoding="utf-8",
    )
    asked = settings_of(d_sim, few, tmp_path / "out")[:-1]
    asked += [
        f"model.model={smollm2_folder}",
        "model.max_length=64",
        "model.evaluations=2",
        "model.epochs=1",
        "held_out=0.3",
    ]
    report = train_discriminator(read_discriminator_settings("sequence_classification", asked), "")
    assert report.held_out.all["model"].auc > 0.6
    model = load_discriminator(str(tmp_path / "out"))
    turns = labeled_answers_of_pairs(load_answer_pairs(d_sim, few)[:6]).turns
    assert model.probability(turns) == pytest.approx(
        [model.probability([turn])[0] for turn in turns], abs=1e-3
    )
    checkpoints = sorted((tmp_path / "out" / "checkpoints").rglob("checkpoint-*"))
    assert checkpoints
    again = train_discriminator(read_discriminator_settings("sequence_classification", asked), "")
    assert again.held_out == report.held_out
    assert sorted((tmp_path / "out" / "checkpoints").rglob("checkpoint-*")) == checkpoints
