"""What came of it.

Acceptance rates with their confidence, and the learning curve as a table and a plot.
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from gsim_recipes.ppo_lines.held_out_evaluation import HeldOutEvaluation

__all__ = ["acceptance", "by_archetype", "draw_curve", "write_curve"]

RESAMPLES = 2000
POLICY, GRAY = "#1b6ca8", "#777777"
BASELINES = {
    "random": ("random lines", ":"),
    "pitching": ("pitching script", "--"),
    "listening": ("listening script", "-."),
}


def acceptance(accepted: NDArray[np.bool_], exam: HeldOutEvaluation) -> dict[str, Any]:
    """Return the share of calls accepted and its 95 % confidence interval.

    The bootstrap draws customers, not calls, for calls to one customer come out alike; of several
    trained policies, those too.

    Args:
        accepted: Which calls were, shape (policies, calls).
        exam: Whose calls.
    """
    names = [customer.model_dump_json() for customer in exam.customers]
    people = sorted(set(names))
    rates = np.stack([accepted[:, np.array(names) == name].mean(axis=1) for name in people], axis=1)
    rng = np.random.default_rng(0)
    means = [
        rates[rng.integers(len(rates), size=len(rates))][
            :, rng.integers(len(people), size=len(people))
        ].mean()
        for _ in range(RESAMPLES)
    ]
    low, high = np.percentile(means, (2.5, 97.5))
    return {
        "rate": round(float(rates.mean()), 4),
        "ci95": [round(float(low), 4), round(float(high), 4)],
    }


def by_archetype(accepted: NDArray[np.bool_], exam: HeldOutEvaluation) -> dict[str, float]:
    """Return the share of calls accepted by archetype; ``accepted`` has shape (policies, calls)."""
    kinds = np.array([customer.archetype for customer in exam.customers])
    return {
        str(kind): round(float(accepted[:, kinds == kind].mean()), 4) for kind in np.unique(kinds)
    }


def write_curve(file: Path, curves: Mapping[int, Sequence[Mapping[str, float]]]) -> None:
    """Write a row for each seed and point of the curve."""
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["seed", "steps", "acceptance_rate"])
        writer.writerows(
            [seed, point["steps"], point["rate"]]
            for seed, curve in curves.items()
            for point in curve
        )


def draw_curve(
    file: Path,
    curves: Mapping[int, Sequence[Mapping[str, float]]],
    baselines: Mapping[str, Mapping[str, Any]],
) -> None:
    """Draw acceptance over steps.

    Each seed, their mean, and who does not learn as horizontal lines.
    """
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.add_subplot()
    steps = [point["steps"] for point in next(iter(curves.values()))]
    rates = np.array([[point["rate"] for point in curve] for curve in curves.values()])
    for rate in rates:
        axes.plot(steps, rate, color=POLICY, linewidth=0.8, alpha=0.4)
    axes.plot(
        steps,
        rates.mean(axis=0),
        color=POLICY,
        linewidth=2,
        label=f"PPO, mean of {len(rates)} seeds",
    )
    for name, (label, style) in BASELINES.items():
        axes.axhline(
            baselines[name]["rate"], color=GRAY, linestyle=style, linewidth=1.2, label=label
        )
    axes.set(
        xlabel="lines said in training",
        ylabel="acceptance rate",
        title="Calls closed with held-out customers",
        xlim=(0, None),
        ylim=(-0.02, None),
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    figure.savefig(file, dpi=120)
