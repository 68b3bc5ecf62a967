"""Negatives, pairs and the pattern reward models, on the written group's calls."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from gsim_env.cli.app import app
from gsim_env.discriminator.baselines import judges
from gsim_env.discriminator.negatives import drawn, generate, key_of, mend, read, whole
from gsim_env.discriminator.pairs import Pair, held_out, laid_out, load, matched
from gsim_env.discriminator.report import calibration_error
from gsim_env.discriminator.settings import CONFIGS, read_settings
from gsim_env.discriminator.train import train
from gsim_env.errors import ConfigurationError, CorpusError
from gsim_env.rewards.embedding_discriminator import EmbeddingDiscriminator
from gsim_env.rewards.pattern import load_discriminator
from gsim_env.rewards.turns import Turn

CONTEXT = [{"role": "user", "content": "Would you like to try it for a month?"}]


def pair(real, fake):
    return Pair("c", 0, "g", 1.0, Turn(CONTEXT, real), Turn(CONTEXT, fake))


def test_answers_are_made_of_one_length_by_cutting_after_a_sentence():
    found = list(
        matched(
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
        list(matched([pair("No.", "I would love to hear it. Please tell me all about it!")])) == []
    )
    assert len(list(matched([pair("No.", "Of course.")]))) == 1


def test_negatives_belong_to_rows_and_are_answers(d_sim, negatives, tmp_path):
    pairs = load(d_sim, negatives)
    lines = len(negatives.read_text(encoding="utf-8").splitlines())
    assert 0.9 * lines < len(pairs) <= lines
    assert all(one.real.context == one.fake.context and one.real.answer for one in pairs)
    first = json.loads(negatives.read_text().splitlines()[0])
    for change, message in (
        ({"call_id": "nobody"}, "is not in"),
        ({"text": "..."}, "holds no answer"),
    ):
        file = tmp_path / "negatives.jsonl"
        file.write_text(json.dumps(first | change) + "\n", encoding="utf-8")
        with pytest.raises(CorpusError, match=message):
            load(d_sim, file)


def test_a_line_that_a_crash_cut_off_is_dropped(tmp_path):
    file = tmp_path / "negatives.jsonl"
    file.write_text('{"turn": 1}\n{"tur', encoding="utf-8")
    assert list(read(file)) == [{"turn": 1}]
    assert file.read_text(encoding="utf-8") == '{"turn": 1}\n{"tur'  # somebody may be writing it
    mend(file)
    assert file.read_text(encoding="utf-8") == '{"turn": 1}\n'
    mend(file)
    assert list(read(file)) == [{"turn": 1}]


def test_dialogues_are_drawn_whole_and_more_begin_with_the_same_ones(d_sim):
    few, more = drawn(d_sim, 3, 0), drawn(d_sim, 5, 0)
    assert more[:3] == few
    assert drawn(d_sim, 3, 1) != few
    for rows in more:
        assert len({row["extra_info"]["call_id"] for row in rows}) == 1
        assert [row["extra_info"]["turn"] for row in rows] == list(range(len(rows)))


def test_an_answer_that_ran_into_the_limit_loses_its_last_sentence():
    long = "I see. " + "and so on " * 12
    assert whole(long) == "I see."
    assert whole(long + ".") == long + "."
    assert whole("I see. And so") == "I see. And so"
    assert whole("on " * 40) == "on " * 40


def settings_of(d_sim, negatives, out, *more):
    """The embedded recipe, on negatives that are there."""
    asked = [
        f"d_sim={d_sim}",
        f"out={out}",
        f"negatives.file={negatives}",
        "negatives.generators.smollm2-135m=null",
    ]
    return [*asked, "license=Apache-2.0", "model.encoder=hashing", *more]


@pytest.fixture(scope="module")
def trained(d_sim, negatives, tmp_path_factory):
    """What the command leaves behind, and what it said."""
    out = tmp_path_factory.mktemp("discriminator")
    command = ["train", "discriminator", "--config", "embedding"]
    done = CliRunner().invoke(
        app, [*command, *settings_of(d_sim, negatives, out)], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    return out, done.output


def test_the_command_leaves_a_model_a_report_plots_and_a_card(trained, pairs):
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


def test_dialogues_held_out_are_not_learnt_from_and_the_saved_model_is_the_one_reported(
    trained, pairs
):
    learnt, test = (
        [one for one in pairs if held_out(one.call_id, 0.1) is out] for out in (False, True)
    )
    assert not {one.call_id for one in learnt} & {one.call_id for one in test}
    model = load_discriminator(str(trained[0]))
    turns, real, _ = laid_out(test)
    found = model.probability(turns)
    report = json.loads((trained[0] / "report.json").read_text(encoding="utf-8"))
    assert np.mean((found > 0.5) == real) == pytest.approx(
        report["held_out"]["all"]["model"]["accuracy"], abs=1e-4
    )
    one_by_one = [model.probability([turn])[0] for turn in turns[:20]]
    assert found[:20] == pytest.approx(one_by_one, abs=1e-6)
    assert judges(learnt, model, 0, "en")["model"](turns) == pytest.approx(found)


@pytest.mark.slow
def test_a_generator_left_out_is_judged_by_a_model_that_never_heard_it(d_sim, negatives, tmp_path):
    lines = [json.loads(line) for line in negatives.read_text(encoding="utf-8").splitlines()]
    shouted = [{**line, "generator": "shouting", "text": line["text"].upper()} for line in lines]
    both = tmp_path / "negatives.jsonl"
    both.write_text("".join(json.dumps(line) + "\n" for line in lines + shouted), encoding="utf-8")
    report = train(read_settings("embedding", settings_of(d_sim, both, tmp_path / "out")), "")
    assert set(report["transfer"]) == {"sales", "shouting"}
    assert (tmp_path / "out" / "studies" / "without_sales" / "embedding.json").is_file()
    assert (
        report["transfer"]["shouting"]["all"]["accuracy"]
        < report["held_out"]["by_generator"]["shouting"]["accuracy"]
    )


def test_settings_that_are_wrong_are_named():
    for change, message in (
        ((), "d_sim"),
        (("d_sim=x", "out=y", "license=z", "seeds=1"), "seeds"),
        (("d_sim=x", "out=y", "license=z", "held_out=0.9"), "held_out"),
        (("d_sim=x", "out=y", "license=z", "model.backend=svm"), "svm"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            read_settings("embedding", change)
    with pytest.raises(ConfigurationError, match="embedding, paper, sequence_classification"):
        read_settings("nowhere.yaml")


@pytest.mark.parametrize("name", sorted(file.stem for file in CONFIGS.iterdir()))
def test_every_configuration_can_be_read(name):
    given = [
        "d_sim=x",
        "out=y",
        "license=z",
        *(["model.model=m"] if name.startswith("sequence") else []),
    ]
    assert read_settings(name, given).seed == 0


def test_a_folder_without_a_model_is_an_error(tmp_path):
    with pytest.raises(ConfigurationError, match="holds no discriminator"):
        EmbeddingDiscriminator.load(tmp_path)
    (tmp_path / "embedding.json").write_text('{"weights": 3}')
    with pytest.raises(ConfigurationError, match="holds no discriminator"):
        EmbeddingDiscriminator.load(tmp_path)


def test_calibration_error_is_the_gap_between_what_is_said_and_what_is():
    real = np.array([True, True, False, False])
    assert calibration_error(np.array([1.0, 1.0, 0.0, 0.0]), real) == pytest.approx(0.0)
    assert calibration_error(np.array([1.0, 1.0, 1.0, 1.0]), real) == pytest.approx(0.5)
    assert calibration_error(np.full(4, 0.7), real) == pytest.approx(0.2)


@pytest.mark.slow
def test_a_real_model_is_asked_and_not_asked_twice(d_sim, tmp_path):
    out, dialogues = tmp_path / "negatives.jsonl", drawn(d_sim, 3, 0)
    generators = {"smollm2": {"backend": "embedded", "context": 2048, "parallel": 4}}
    generate([rows[:2] for rows in dialogues[:2]], out, generators, [0.5, 1.0])
    two = out.read_text(encoding="utf-8")
    out.write_text(two[:-20], encoding="utf-8")  # a crash
    generate([rows[:2] for rows in dialogues], out, generators, [0.5, 1.0])
    assert out.read_text(encoding="utf-8").startswith("".join(two.splitlines(keepends=True)[:-1]))
    rows = list(read(out))
    assert len({key_of(row) for row in rows}) == len(rows) == 6
    assert {row["temperature"] for row in rows} == {0.5, 1.0}
    assert load(d_sim, out)


@pytest.mark.slow
def test_a_language_model_learns_to_tell_and_trains_on_where_it_stopped(
    d_sim, negatives, smollm2_folder, tmp_path
):
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
    report = train(read_settings("sequence_classification", asked), "")
    assert report["held_out"]["all"]["model"]["auc"] > 0.6
    model = load_discriminator(str(tmp_path / "out"))
    turns = laid_out(load(d_sim, few)[:6]).turns
    assert model.probability(turns) == pytest.approx(
        [model.probability([turn])[0] for turn in turns], abs=1e-3
    )
    checkpoints = sorted((tmp_path / "out" / "checkpoints").rglob("checkpoint-*"))
    assert checkpoints
    again = train(read_settings("sequence_classification", asked), "")
    assert again["held_out"] == report["held_out"]
    assert sorted((tmp_path / "out" / "checkpoints").rglob("checkpoint-*")) == checkpoints
