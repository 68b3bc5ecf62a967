"""Negatives, pairs and the embedded pattern reward model, on the written group's calls."""

import json
import subprocess
import sys

import numpy as np
import pytest

from gsim_env.corpus.training_data import sim_rows, write_parquet
from gsim_env.errors import ConfigurationError, CorpusError
from gsim_env.models.encoders import HashingEncoder
from gsim_env.simulation.replay import replay
from gsim_env.sop.index import index_calls
from gsim_env.sop.library import MemoryLibrary
from recipes.discriminator.negatives import drawn, key_of, mend, read
from recipes.discriminator.pairs import Pair, held_out, load, matched
from recipes.discriminator.train import calibration_error, fit, measured
from reward_fns.embedding_discriminator import EmbeddingDiscriminator, compute_score
from reward_fns.pattern import pattern_reward
from reward_fns.turns import Turn

CONTEXT = [{"role": "user", "content": "Would you like to try it for a month?"}]


@pytest.fixture(scope="module")
def d_sim(group, tmp_path_factory):
    indexed = index_calls(group.calls, HashingEncoder())
    calls = replay(group, indexed, MemoryLibrary(indexed), np.random.default_rng(0))
    file = tmp_path_factory.mktemp("d_sim") / "train.parquet"
    write_parquet(file, sim_rows(group, calls, "train"))
    return file


@pytest.fixture(scope="module")
def negatives(d_sim, tmp_path_factory):
    """What salespeople said elsewhere, as answers: another side's real words."""
    rows = drawn(d_sim, 600, 0)
    said = [row["extra_info"]["context"][-1]["content"] for row in rows]
    lines = [
        {
            **dict(zip(("call_id", "turn"), key_of(row["extra_info"]), strict=True)),
            "generator": "sales",
            "temperature": 1.0,
        }
        | {"text": text}
        for row, text in zip(rows, said[1:], strict=False)
    ]
    file = tmp_path_factory.mktemp("negatives") / "negatives.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return file


def pair(real, fake):
    return Pair("c", 0, "g", Turn(CONTEXT, real), Turn(CONTEXT, fake))


def test_answers_are_made_of_one_length_by_cutting_after_a_sentence():
    found = list(matched([pair("No, not now, thank you.", "I would love to hear it. Please tell me all about it!")]))
    assert [one.fake.answer for one in found] == ["I would love to hear it."]
    assert list(matched([pair("No.", "I would love to hear it. Please tell me all about it!")])) == []
    assert len(list(matched([pair("No.", "Of course.")]))) == 1


def test_negatives_belong_to_rows_and_are_answers(d_sim, negatives, tmp_path):
    pairs = load(d_sim, negatives)
    assert 500 < len(pairs) <= 599
    assert all(one.real.context == one.fake.context and one.real.answer for one in pairs)
    first = json.loads(negatives.read_text().splitlines()[0])
    for change, message in (({"call_id": "nobody"}, "is not in"), ({"text": "..."}, "holds no answer")):
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


def test_a_generator_to_leave_out_must_be_there(d_sim, negatives, tmp_path):
    command = [sys.executable, "-m", "recipes.discriminator.train", "--d-sim", d_sim, "--negatives", negatives]
    done = subprocess.run(
        [*command, "--out", tmp_path, "--leave-out", "sale"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "--leave-out must be one of sales" in done.stderr


def test_it_learns_who_speaks_and_a_saved_one_judges_alike(d_sim, negatives, tmp_path):
    pairs = load(d_sim, negatives)
    train, test = ([one for one in pairs if held_out(one, 0.1) is out] for out in (False, True))
    assert not {one.call_id for one in train} & {one.call_id for one in test}
    model = fit(train, "hashing")
    figures = measured(train, test, model, seed=0)
    assert figures["all"]["model"]["accuracy"] > 0.75
    assert figures["all"]["model"]["auc"] > figures["all"]["length_only"]["auc"]
    assert figures["all"]["model"]["ece"] < 0.2
    model.save(tmp_path)
    turns = [one.real for one in test[:20]]
    again = EmbeddingDiscriminator.load(tmp_path)
    assert np.allclose(again.probability(turns), model.probability(turns), atol=1e-4)
    one_by_one = [pattern_reward([turn], again)[0] for turn in turns]
    assert pattern_reward(turns, again) == pytest.approx(one_by_one)
    assert pattern_reward([Turn(CONTEXT, "..."), Turn(CONTEXT, CONTEXT[0]["content"])], again) == [0.0, 0.0]
    assert pattern_reward([], again) == []
    verl = compute_score("gsim", turns[0].answer, "", {"context": turns[0].context}, folder=str(tmp_path))
    assert verl == {"score": pytest.approx(one_by_one[0])}


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
    out = tmp_path / "negatives.jsonl"
    command = [
        sys.executable,
        "-m",
        "recipes.discriminator.negatives",
        "--d-sim",
        d_sim,
        "--out",
        out,
        "--name",
        "smollm2",
    ]
    command += ["--model", '{"backend": "embedded", "context": 2048, "parallel": 2}', "--parallel", "2"]
    subprocess.run([*command, "--rows", "2"], check=True)
    two = out.read_text(encoding="utf-8")
    subprocess.run([*command, "--rows", "4"], check=True)
    assert out.read_text(encoding="utf-8").startswith(two)
    rows = list(read(out))
    assert len({(row["call_id"], row["turn"]) for row in rows}) == 4
    assert load(d_sim, out)
