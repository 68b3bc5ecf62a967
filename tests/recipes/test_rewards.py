"""Choice of weights, delta and floor, and rewards of adversarial answers."""

import json
import subprocess
import sys

import numpy as np
import pytest
from gsim_recipes.rewards.adversarial import adversarial_rewards
from gsim_recipes.rewards.probes import GradedAnswers, sample_d_sim_rows
from gsim_recipes.rewards.ranking import (
    RewardSetting,
    RewardTerms,
    choose_reward_setting,
    compute_reward_terms,
    share_ranked_in_order,
    share_ranked_in_order_by_pair,
)

from gsim_env.discriminator.fit_embedding import fit_embedding_discriminator
from gsim_env.discriminator.pairs import labeled_answers_of_pairs
from gsim_env.models.encoders import HashingEncoder
from gsim_env.rewards.multi_level import WEIGHTS, RewardWeights, multi_level
from gsim_env.rewards.semantic import DELTA
from gsim_env.rewards.turns import FLOOR


@pytest.fixture(scope="module")
def model(pairs):
    return fit_embedding_discriminator(labeled_answers_of_pairs(pairs), "hashing", HashingEncoder())


@pytest.fixture(scope="module")
def humans(pairs):
    return list(
        {
            (one.call_id, one.turn): one.real._replace(reference=one.real.answer) for one in pairs
        }.values()
    )[:40]


def test_terms_and_scores_equal_the_rewards(model, humans):
    made = [
        GradedAnswers(
            one,
            {
                kind: other._replace(context=one.context, reference=one.reference)
                for kind in ("paraphrase",)
            },
        )
        for one, other in zip(humans[:8], humans[8:16], strict=True)
    ]
    for probe in made:
        probe.generated["over_polite"] = probe.human._replace(answer="...")  # a fault
        probe.generated["off_topic"] = probe.human._replace(answer=f"{probe.human.reference} " * 9)
    found = compute_reward_terms(made, model, HashingEncoder(), "en")
    for choice in (
        RewardSetting(WEIGHTS, DELTA, FLOOR),
        RewardSetting(RewardWeights(0.1, 0.2, 0.7), 0.4, -2.0),
    ):
        turns = [
            t
            for p in made
            for t in (
                p.human,
                p.generated["paraphrase"],
                p.generated["over_polite"],
                p.generated["off_topic"],
            )
        ]
        expected = multi_level(
            turns,
            model,
            HashingEncoder(),
            weights=choice.weights,
            delta=choice.delta,
            floor=choice.floor,
        )
        assert found.scores(choice).ravel() == pytest.approx(
            [one.score for one in expected], abs=1e-5
        )


def test_a_context_is_ranked_if_every_answer_beats_the_next():
    scores = np.array([[4.0, 3, 2, 1], [4, 3, 1, 2], [4, 4, 3, 2], [1, 0, -1, -2]])
    assert share_ranked_in_order(scores) == 0.5
    assert share_ranked_in_order_by_pair(scores) == {
        "human > paraphrase": 0.75,
        "paraphrase > over_polite": 1.0,
        "over_polite > off_topic": 0.75,
    }


def test_the_chosen_setting_ranks_well_and_every_term_counts():
    rng = np.random.default_rng(0)
    good = np.tile([0.9, 0.7, 0.4, 0.1], (60, 1)) + rng.normal(0, 0.02, (60, 4))
    noise = rng.uniform(-1, 1, (60, 4))
    only_semantic, tried = choose_reward_setting(
        RewardTerms(pattern=noise, format=noise[::-1], cosine=good)
    )
    assert only_semantic.weights.semantic == max(only_semantic.weights)
    assert tried[0]["ranked"] >= max(one["ranked"] for one in tried) - 0.07
    even, _ = choose_reward_setting(RewardTerms(pattern=good, format=good, cosine=good))
    assert min(even.weights) >= 0.15
    assert len(tried) == len(
        {tuple(one[key] for key in ("pattern", "format", "delta", "floor")) for one in tried}
    )


def test_adversarial_answers_score_below_the_human(model, humans):
    rows = {
        row["answer"]: row
        for row in adversarial_rewards(
            humans, model, HashingEncoder(), RewardSetting(WEIGHTS, DELTA, FLOOR), "en", seed=0
        )
    }
    assert rows["the human's own"]["below_human"] == 0.0
    assert rows["the human's own"]["semantic"] == rows["the human's own"]["format"] == 1.0
    for fault in ("empty", "control tokens", "wrong role"):
        assert [rows[fault][term] for term in ("pattern", "format", "semantic")] == [
            0.0,
            FLOOR,
            FLOOR,
        ]
        assert rows[fault]["below_human"] == 1.0
    for other in ("over-polite", "a human's, of another call", "the human's, twice", "profanity"):
        assert rows[other]["below_human"] > 0.9


@pytest.mark.slow
def test_a_model_writes_the_probes_and_a_run_resumes(d_sim, model, tmp_path):
    place = tmp_path / "discriminator"
    place.mkdir()
    model.save(place)
    command = [
        sys.executable,
        "-m",
        "gsim_recipes.rewards.run",
        "--d-sim",
        d_sim,
        "--discriminator",
        place,
    ]
    command += [
        "--model",
        '{"backend": "embedded", "context": 1024, "parallel": 8}',
        "--encoder",
        "hashing",
    ]
    command += ["--out", tmp_path / "out", "--contexts"]
    subprocess.run([*command, "12"], check=True)
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    made = tmp_path / "out" / "probes.jsonl"
    lines = made.read_text(encoding="utf-8").splitlines(keepends=True)
    assert len(lines) == 36
    assert sum(report["contexts"].values()) == 12
    assert report["worded_by"] == {
        kind: {"embedded": 12} for kind in ("paraphrase", "over_polite", "off_topic")
    }
    assert report["chosen_on_others"]["means"]["semantic"]["human"] == 1.0
    made.write_text("".join(lines)[:-9], encoding="utf-8")
    subprocess.run([*command, "12"], check=True)
    assert made.read_text(encoding="utf-8").startswith("".join(lines[:-1]))
    assert len(made.read_text(encoding="utf-8").splitlines()) == 36
    assert all(
        len(row["reward_model"]["ground_truth"].split()) >= 4
        for row in sample_d_sim_rows(d_sim, 12, 0)
    )
    assert (tmp_path / "out" / "rewards.png").is_file()
