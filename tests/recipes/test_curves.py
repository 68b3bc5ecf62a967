"""Curves of training runs, and the comparison of customers on held-out contexts."""

import csv
import json

import numpy as np
import pytest
import typer
from gsim_recipes import curves
from gsim_recipes.command_line import parse_name_value
from gsim_recipes.customer_grpo.evaluate import (
    METRICS,
    response_metrics,
    responses_as_markdown,
    sample_contexts,
    summarize_metrics,
)

from gsim_env.models.encoders import HashingEncoder
from gsim_env.rewards.pattern import load_discriminator


def steps() -> list[dict]:
    """Return what verl's file logger writes.

    A validation, then training steps, the last with a validation.
    """
    held = {"val-core/gsim/food/reward/mean@1": -0.5, "val-aux/gsim/food/pattern/mean@1": 0.25}
    train = {
        "critic/score/mean": 0.1,
        "gsim/reward/score/mean": 0.1,
        "gsim/reward/pattern/mean": 0.5,
        "response_length/mean": 20.0,
        "actor/lr": 1e-5,
    }
    return [
        {"step": 0, "data": held},
        {"step": 1, "data": train},
        {"step": 2, "data": {**train, **held}},
    ]


def test_the_csv_has_a_row_per_step_and_our_metrics_only(tmp_path) -> None:
    curves.write_metrics_csv(tmp_path / "curve.csv", steps())
    rows = list(csv.DictReader((tmp_path / "curve.csv").read_text().splitlines()))
    assert [row["step"] for row in rows] == ["0", "1", "2"]
    assert rows[0]["gsim/reward/score/mean"] == ""
    assert rows[2]["gsim/reward/score/mean"] == "0.1"
    assert "actor/lr" not in rows[0]


def test_a_resumed_run_is_one_curve(tmp_path) -> None:
    parts = (
        [{"step": n, "data": {"part": 1}} for n in range(4)],
        [{"step": n, "data": {"part": 2}} for n in (2, 3, 4)],
    )
    logs = [tmp_path / "first.jsonl", tmp_path / "second.jsonl"]
    for log, part in zip(logs, parts, strict=True):
        log.write_text("\n".join(map(json.dumps, part)))
    steps = curves.join_training_logs(logs)
    assert [step["step"] for step in steps] == [0, 1, 2, 3, 4]
    assert [step["data"]["part"] for step in steps] == [1, 1, 2, 2, 2]


def test_the_plot_has_a_panel_per_term_with_held_out_points() -> None:
    score, pattern, length = curves.plot_rewards_and_length(steps()).axes
    assert [axes.get_title() for axes in (score, pattern, length)] == [
        "score",
        "pattern",
        "tokens per response",
    ]
    held = {line.get_label(): line for line in pattern.get_lines()}["held out"]
    assert (list(held.get_xdata()), list(held.get_ydata())) == ([0, 2], [0.25, 0.25])


def test_the_human_response_scores_above_another_and_the_difference_has_an_interval(d_sim) -> None:
    rows = sample_contexts(d_sim, 60, lambda row: len(row["prompt"]) < 20)
    assert rows == sample_contexts(d_sim, 60, lambda row: len(row["prompt"]) < 20)
    human = [row["reward_model"]["ground_truth"] for row in rows]
    discriminator = load_discriminator("charity")
    encoder = HashingEncoder()
    own = response_metrics(rows, human, discriminator, encoder)
    other = response_metrics(rows, human[7:] + human[:7], discriminator, encoder)
    assert own.shape == (60, len(METRICS))
    format_and_semantic = own[:, 2:4]  # of the reference itself
    np.testing.assert_allclose(format_and_semantic, 1.0, atol=1e-5)
    np.testing.assert_array_equal(own[:, 4], [len(text.split()) for text in human])
    calls = [row["extra_info"]["call_id"] for row in rows]
    summary = summarize_metrics(np.array([own - other, own - other]), calls)["score"]
    low, high = summary["ci95"]
    assert 0 < low < summary["mean"] < high
    assert summary["by_seed"] == [summary["mean"]] * 2
    assert summary["mean"] == pytest.approx((own - other)[:, 0].mean(), abs=1e-4)


def test_samples_show_each_model_and_the_human(d_sim) -> None:
    rows = sample_contexts(d_sim, 3, lambda _: True)
    text = responses_as_markdown(rows, {"before": [["a", "b", "c"]], "after": [["d", "e", "f"]]})
    assert text.count("**Salesperson:**") == 3
    assert "- before: b\n- after: e\n- human: " in text


def test_a_model_is_a_name_and_a_folder() -> None:
    assert parse_name_value("after=checkpoints/a=b") == ("after", "checkpoints/a=b")
    with pytest.raises(typer.BadParameter, match="NAME=VALUE"):
        parse_name_value("checkpoints")
