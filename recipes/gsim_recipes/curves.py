"""Training curve: converts the metric logs of verl's file logger to a CSV file and a plot.

python -m gsim_recipes.curves metrics.jsonl --out results/customer_grpo
"""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Step = dict[str, Any]
"""A line of verl's file logger: ``step``, and the metrics in ``data``."""

METRICS = (
    "gsim/",
    "response_length/mean",
    "actor/kl_loss",
    "timing_s/step",
    "val-",
    "training/rollout_actor_probs_pearson_corr",
)
"""Prefixes of the metrics in the CSV."""

RESPONSE_LENGTH = "response_length/mean"
TRAINING_COLOR = "#1b6ca8"
VALIDATION_COLOR = "#d1662a"


def main(
    logs: Annotated[
        list[Path], typer.Argument(help="Logs of verl's file logger, one per part of the run.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for curve.csv and curve.png.")],
) -> None:
    """Write the metrics of a verl training run as a CSV file and as a plot.

    verl writes the log with "file" in trainer.logger, to the path in VERL_FILE_LOGGER_PATH. A
    resumed run has one log per part: pass them in order.
    """
    out.mkdir(parents=True, exist_ok=True)
    steps = join_training_logs(logs)
    write_metrics_csv(out / "curve.csv", steps)
    plot_rewards_and_length(steps).savefig(out / "curve.png", dpi=120)


def join_training_logs(logs: Sequence[Path]) -> list[Step]:
    """Return a resumed run's metrics by training step; a later log replaces steps it repeats."""
    steps: list[Step] = []
    for log in logs:
        part = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
        steps = [step for step in steps if step["step"] < part[0]["step"]] + part
    return steps


def write_metrics_csv(file: Path, steps: Sequence[Step]) -> None:
    """Write logged metrics as CSV, one row per training step; a missing metric is an empty cell."""
    names = sorted(set().union(*(step["data"] for step in steps)))
    names = [name for name in names if name.startswith(METRICS)]

    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["step", *names])
        for step in steps:
            values = [step["data"].get(name) for name in names]
            cells = ["" if value is None else round(value, 5) for value in values]
            writer.writerow([step["step"], *cells])


def plot_rewards_and_length(steps: Sequence[Step]) -> Figure:
    """Plot each reward term and the response length over the training steps, one panel each."""
    training = [step for step in steps if "critic/score/mean" in step["data"]]
    metrics = training[0]["data"]
    terms = [key for key in metrics if key.startswith("gsim/reward/") and key.endswith("/mean")]

    panels = [*terms, RESPONSE_LENGTH]
    figure = Figure(figsize=(3.2 * len(panels), 3), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for panel, metric in zip(axes, panels, strict=True):
        _draw_panel(panel, metric, training, steps)
    return figure


def _draw_panel(
    axes: Axes, metric: str, training: Sequence[Step], all_steps: Sequence[Step]
) -> None:
    """Plot one metric over the training steps, with its validation values if there are any."""
    numbers = [step["step"] for step in training]
    values = [step["data"][metric] for step in training]
    axes.plot(numbers, values, color=TRAINING_COLOR, label="training")

    term = metric.removeprefix("gsim/reward/").removesuffix("/mean")
    held_out = _held_out_points(all_steps, term)
    if held_out:
        axes.plot(
            *zip(*held_out, strict=True), color=VALIDATION_COLOR, marker="o", label="held out"
        )
        axes.legend(frameon=False, fontsize=8)

    axes.set_title("tokens per response" if metric == RESPONSE_LENGTH else term, fontsize=10)
    axes.set_xlabel("step")
    axes.grid(alpha=0.2)


def _held_out_points(steps: Sequence[Step], term: str) -> list[tuple[int, float]]:
    """Return (training step, validation mean) pairs of a reward term."""
    points = []
    for step in steps:
        for metric, value in step["data"].items():
            if metric.startswith("val-") and metric.endswith(f"/{term}/mean@1"):
                points.append((step["step"], value))
    return points


if __name__ == "__main__":
    typer.run(main)
