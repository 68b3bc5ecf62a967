"""Acceptance rates with confidence intervals, and the learning curve as CSV and plot."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from gsim_env.util.files import write_atomically
from gsim_env.util.stats import bootstrap_interval
from gsim_recipes.ppo_lines.held_out_evaluation import HeldOutEvaluation

__all__ = [
    "acceptance_rate_by_archetype",
    "acceptance_rate_interval",
    "save_learning_curve_plot",
    "write_learning_curve_csv",
]

RESAMPLES = 2000

BLUE, GRAY = "#1b6ca8", "#777777"

BASELINES = {
    "random": ("random lines", ":"),
    "pitching": ("pitching script", "--"),
    "listening": ("listening script", "-."),
}
"""Label and line style of each baseline."""

Curves = Mapping[int, Sequence[Mapping[str, float]]]
"""Learning curve of each seed: points with ``steps`` and ``rate``."""


def acceptance_rate_interval(
    accepted: NDArray[np.bool_], evaluation: HeldOutEvaluation
) -> dict[str, Any]:
    """Return the share of accepted calls, in [0, 1], and its 95 % confidence interval.

    The bootstrap resamples customers, because calls to one customer are alike, and, if there are
    several trained policies, policies too.

    Args:
        accepted: Which calls were accepted, shape (policies, calls).
        evaluation: The evaluation that played the calls.
    """
    names = np.array([customer.model_dump_json() for customer in evaluation.customers])
    people = np.unique(names)
    # Shape (policies, customers).
    rates = np.stack([accepted[:, names == name].mean(axis=1) for name in people], axis=1)
    rng = np.random.default_rng(0)

    def mean_of_resample(customers: NDArray[np.int64]) -> float:
        policies = rng.integers(len(rates), size=len(rates))
        return float(rates[policies][:, customers].mean())

    interval = bootstrap_interval(len(people), mean_of_resample, RESAMPLES)
    return {
        "rate": round(float(rates.mean()), 4),
        "ci95": [round(interval.low, 4), round(interval.high, 4)],
    }


def acceptance_rate_by_archetype(
    accepted: NDArray[np.bool_], evaluation: HeldOutEvaluation
) -> dict[str, float]:
    """Return the share of accepted calls by customer archetype.

    Args:
        accepted: Which calls were accepted, shape (policies, calls).
        evaluation: The evaluation that played the calls.
    """
    archetypes = np.array([customer.archetype for customer in evaluation.customers])
    return {
        str(archetype): round(float(accepted[:, archetypes == archetype].mean()), 4)
        for archetype in np.unique(archetypes)
    }


def write_learning_curve_csv(file: Path, curves: Curves) -> None:
    """Write learning curves as CSV: one row per training seed and curve point."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["seed", "steps", "acceptance_rate"])
    for seed, curve in curves.items():
        writer.writerows([seed, point["steps"], point["rate"]] for point in curve)

    write_atomically(file, table.getvalue())


def save_learning_curve_plot(
    file: Path, curves: Curves, baselines: Mapping[str, Mapping[str, Any]]
) -> None:
    """Plot acceptance rate over training lines, with baselines as horizontal lines, to an image."""
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.add_subplot()

    steps = [point["steps"] for point in next(iter(curves.values()))]
    rates = np.array([[point["rate"] for point in curve] for curve in curves.values()])
    for rate in rates:
        axes.plot(steps, rate, color=BLUE, linewidth=0.8, alpha=0.4)
    label = f"PPO, mean of {len(rates)} seeds"
    axes.plot(steps, rates.mean(axis=0), color=BLUE, linewidth=2, label=label)

    for name, (label, style) in BASELINES.items():
        rate = baselines[name]["rate"]
        axes.axhline(rate, color=GRAY, linestyle=style, linewidth=1.2, label=label)

    axes.set(
        xlabel="lines said in training",
        ylabel="acceptance rate",
        title="Accepted calls, held-out customers",
        xlim=(0, None),
        ylim=(-0.02, None),
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    figure.savefig(file, dpi=120)
