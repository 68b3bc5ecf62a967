"""PPO on script lines: fair held-out evaluation, identical resumed training, and learning."""

import csv
import shutil

import gymnasium as gym
import numpy as np
import pytest
from gsim_recipes.ppo_lines import agent
from gsim_recipes.ppo_lines.agent import CALLS, LINES, PPOSalesAgent, train_sales_agent
from gsim_recipes.ppo_lines.held_out_evaluation import (
    ENV_ID,
    HeldOutEvaluation,
    scripted_env_settings,
)
from gsim_recipes.ppo_lines.report import (
    acceptance_rate_by_archetype,
    acceptance_rate_interval,
    save_learning_curve_plot,
    write_learning_curve_csv,
)
from gsim_recipes.ppo_lines.train import (
    acceptance_report,
    before_and_after_transcripts,
    random_line_policy,
)

from gsim_env.errors import ConfigurationError
from gsim_env.groups import Group
from gsim_env.groups.bundle import read_recorded_calls
from tests.helpers.attacks import INJECTIONS

EVALUATION = HeldOutEvaluation("food_delivery", "hashing", 40)


@pytest.fixture
def short(monkeypatch):
    """One update between two points of the curve."""
    monkeypatch.setattr(agent, "CHUNK", CALLS * LINES)
    return CALLS * LINES


def in_turn(observations):
    """Say the lines in the file's order, by the turn that the last column tells."""
    return np.rint(observations[:, -1] * 15).astype(np.int64) * 7 % 37


def test_training_never_meets_evaluation_customers(group: Group):
    people = {call.profile.name for call in read_recorded_calls(group.path / "held_out.jsonl")}
    assert {customer.name for customer in EVALUATION.customers} == people
    assert not people & {call.profile.name for call in group.calls}
    assert EVALUATION.customer_source == "held_out.jsonl"


def test_a_group_without_held_out_calls_draws_customers_by_seed(group: Group, tmp_path):
    shutil.copytree(
        group.path, tmp_path / "group", ignore=shutil.ignore_patterns("adapter", "held_out.jsonl")
    )
    evaluation = HeldOutEvaluation(str(tmp_path / "group"), "hashing", 10)
    assert "seeds that training never used" in evaluation.customer_source
    assert evaluation.customers == evaluation.customers
    assert len({repr(customer) for customer in evaluation.customers}) > 5
    assert evaluation.play_with_policy(in_turn).shape == (10,)


def test_the_evaluation_is_repeatable_and_equals_single_calls():
    accepted = EVALUATION.play_with_policy(in_turn)
    assert (accepted == EVALUATION.play_with_policy(in_turn)).all()
    for call in (0, 3, 7):
        assert EVALUATION.transcribe_call(call, in_turn).endswith("[accepted]") == accepted[call]


def test_the_listening_script_beats_the_pitching_one():
    # Four calls to each customer: with one, chance says as much as they do.
    evaluation = HeldOutEvaluation("food_delivery", "hashing", 160)
    assert (
        evaluation.play_with_salespeople("scripted").mean()
        > 0.4
        > 0.1
        > evaluation.play_with_salespeople("pitching").mean()
    )


def test_intervals_draw_customers_and_policies():
    rng = np.random.default_rng(0)
    same = np.tile(rng.random(20) < 0.5, (2, 4))[:, : 4 * 20]
    evaluation = HeldOutEvaluation("food_delivery", "hashing", 80)
    found = acceptance_rate_interval(same, evaluation)
    low, high = found["ci95"]
    assert low < found["rate"] < high
    assert found["rate"] == pytest.approx(same.mean(), abs=1e-4)
    assert acceptance_rate_interval(np.ones((3, 80), bool), evaluation) == {
        "rate": 1.0,
        "ci95": [1.0, 1.0],
    }
    apart = acceptance_rate_interval(np.stack([np.zeros(80, bool), np.ones(80, bool)]), evaluation)
    assert apart["ci95"] == [0.0, 1.0]
    assert set(acceptance_rate_by_archetype(same, evaluation)) == {
        customer.archetype for customer in evaluation.customers
    }


def test_a_resumed_training_is_the_same_training(short, tmp_path):
    whole = train_sales_agent(tmp_path / "whole", EVALUATION, 3, 3 * short)
    for steps in (short, 2 * short, 3 * short):
        parts = train_sales_agent(tmp_path / "parts", EVALUATION, 3, steps)
    assert [(at["steps"], at["rate"]) for at in parts.curve] == [
        (at["steps"], at["rate"]) for at in whole.curve
    ]
    assert parts.lines_trained == 3 * short
    for name, weights in parts.model.policy.state_dict().items():
        assert (weights == whole.model.policy.state_dict()[name]).all()
    assert [file.name for file in (tmp_path / "parts").glob("*.zip")] == [f"model_{3 * short}.zip"]
    with pytest.raises(ConfigurationError, match="Choose another --out"):
        train_sales_agent(tmp_path / "parts", EVALUATION, 4, short)


def test_curve_and_calls_are_written(tmp_path):
    curves = {
        seed: [{"steps": 0, "rate": 0.1}, {"steps": 10, "rate": 0.2 + seed / 10}] for seed in (0, 1)
    }
    write_learning_curve_csv(tmp_path / "curve.csv", curves)
    with (tmp_path / "curve.csv").open() as stream:
        assert list(csv.DictReader(stream))[3] == {
            "seed": "1",
            "steps": "10",
            "acceptance_rate": "0.30000000000000004",
        }
    save_learning_curve_plot(
        tmp_path / "curve.png",
        curves,
        {name: {"rate": 0.3} for name in ("random", "pitching", "listening")},
    )
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    calls = before_and_after_transcripts(EVALUATION, PPOSalesAgent("food_delivery", "hashing", 0))
    assert calls.count("## Call") == 10
    assert calls.count("Salesperson: ") > 12


def test_no_injection_makes_a_deal_in_the_training_environment():
    env = gym.make_vec(
        ENV_ID,
        len(INJECTIONS),
        autoreset_mode="Disabled",
        **scripted_env_settings("food_delivery", "hashing"),
    )
    for seed in range(0, 200, len(INJECTIONS)):
        env.reset(seed=seed, options={"archetype": "competition_anxious"})
        going_on = np.ones(len(INJECTIONS), bool)
        turn = 0
        while going_on.any():
            said = [INJECTIONS[(i + turn) % len(INJECTIONS)] for i in range(len(INJECTIONS))]
            _, rewards, terminated, truncated, _ = env.step(said)
            assert not rewards.any()
            going_on &= ~(terminated | truncated)
            turn += 1


def test_the_report_compares_policies_and_baselines_on_the_same_calls():
    agents = {seed: PPOSalesAgent("food_delivery", "hashing", seed) for seed in (0, 1)}
    report = acceptance_report(EVALUATION, agents, steps=0)
    assert report["before"] == report["after"]
    assert report["seeds"] == [0, 1]
    assert set(report["after"]) == {"rate", "ci95", "by_seed"}
    assert set(report["after"]["by_seed"]) == {"0", "1"}
    assert set(report["by_archetype"]) == {"random", "pitching", "listening", "before", "after"}
    by_seed = [rates["rate"] for rates in report["after"]["by_seed"].values()]
    assert report["after"]["rate"] == pytest.approx(np.mean(by_seed), abs=1e-4)


@pytest.mark.slow
def test_a_short_training_closes_more_calls_than_random_lines(tmp_path):
    evaluation = HeldOutEvaluation("food_delivery", "hashing", 400)
    # Rates of three seeds: 0.08 to 0.11; of random lines: 0.01 to 0.03.
    trained = train_sales_agent(tmp_path, evaluation, 0, 3 * agent.CHUNK)
    assert (
        evaluation.play_with_policy(trained.action_function()).mean()
        > 0.05
        > evaluation.play_with_policy(random_line_policy(evaluation.group)).mean()
    )
