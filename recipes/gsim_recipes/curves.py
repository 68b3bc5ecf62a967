"""The curve of a training run: from verl's file logger to a CSV and a plot.

    python -m gsim_recipes.curves metrics.jsonl --out results/customer_grpo

A run that was cut off and went on has a log for each part, in that order: what the later one says
of a step counts. verl writes it where ``trainer.logger`` has ``file``, to the place that
VERL_FILE_LOGGER_PATH names. Columns are this project's metrics, the response length, the KL loss,
the step's time, and the validation's rewards.
"""

import argparse
import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

KEPT = (
    "gsim/",
    "response_length/mean",
    "actor/kl_loss",
    "timing_s/step",
    "val-",
    "training/rollout_actor_probs_pearson_corr",
)
MODEL, OTHER = "#1b6ca8", "#d1662a"


def main() -> None:
    """Parse the command line, write ``curve.csv`` and ``curve.png``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "logs", type=Path, nargs="+", help="what verl's file logger wrote, part by part"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of curve.csv and curve.png")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    steps = joined(args.logs)
    write(args.out / "curve.csv", steps)
    draw(steps).savefig(args.out / "curve.png", dpi=120)


def joined(logs: Sequence[Path]) -> list[dict[str, Any]]:
    """Read the parts of a run.

    A part that goes on from a checkpoint takes the place of what was lost after it.
    """
    steps: list[dict[str, Any]] = []
    for log in logs:
        part = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
        steps = [step for step in steps if step["step"] < part[0]["step"]] + part
    return steps


def write(file: Path, steps: list[dict[str, Any]]) -> None:
    """Write a row a step; a metric that a step lacks is left empty."""
    names = sorted({name for step in steps for name in step["data"] if name.startswith(KEPT)})
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["step", *names])
        for step in steps:
            found = [step["data"].get(name) for name in names]
            writer.writerow(
                [step["step"], *("" if value is None else round(value, 5) for value in found)]
            )


def draw(steps: list[dict[str, Any]]) -> Figure:
    """Return a panel for each term of the reward, training beside validation, and one for the length of answers."""
    trained = [step for step in steps if "critic/score/mean" in step["data"]]
    names = [
        key
        for key in trained[0]["data"]
        if key.startswith("gsim/reward/") and key.endswith("/mean")
    ]
    panels = [*names, "response_length/mean"]
    figure = Figure(figsize=(3.2 * len(panels), 3), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        axes.plot(
            [step["step"] for step in trained],
            [step["data"][name] for step in trained],
            color=MODEL,
            label="training",
        )
        term = name.removeprefix("gsim/reward/").removesuffix("/mean")
        held = [
            (step["step"], value)
            for step in steps
            for key, value in step["data"].items()
            if key.startswith("val-") and key.endswith(f"/{term}/mean@1")
        ]
        if held:
            axes.plot(*zip(*held, strict=True), color=OTHER, marker="o", label="held out")
            axes.legend(frameon=False, fontsize=8)
        axes.set_title("tokens an answer" if name == panels[-1] else term, fontsize=10)
        axes.set_xlabel("step")
        axes.grid(alpha=0.2)
    return figure


if __name__ == "__main__":
    main()
