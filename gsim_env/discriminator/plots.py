"""The plots of a report: reliability, P(real) by who spoke, and the learning curve."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gsim_env.discriminator.baselines import Judge
from gsim_env.discriminator.pairs import Pair, laid_out
from gsim_env.discriminator.report import calibration

__all__ = ["draw"]

MODEL, OTHER, GRAY = "#1b6ca8", "#d1662a", "#777777"


def draw(
    folder: Path,
    judges: Mapping[str, Judge],
    test: Sequence[Pair],
    curve: Sequence[Mapping[str, Any]] | None,
) -> None:
    """Write ``reliability.png``, ``scores.png`` and, with a curve, ``learning_curve.png`` to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    reliability(judges, test).savefig(folder / "reliability.png", dpi=120)
    histograms(judges["model"], test).savefig(folder / "scores.png", dpi=120)
    if curve:
        learning(curve).savefig(folder / "learning_curve.png", dpi=120)


def reliability(judges: Mapping[str, Judge], test: Sequence[Pair]) -> Figure:
    """Return what the judges say beside what is.

    On the diagonal, seven of ten answers with P = 0.7 are real.
    """
    turns, real, _ = laid_out(test)
    figure, axes = canvas("P(real)", "share of real answers", "Reliability on held-out dialogues")
    axes.plot([0, 1], [0, 1], color=GRAY, linewidth=1, linestyle="--")
    for name, color in (("model", MODEL), ("length_only", OTHER)):
        bins = calibration(judges[name](turns), real)
        said, seen, share = zip(*bins, strict=True)
        axes.plot(said, seen, color=color, linewidth=1.5, label=name.replace("_", " "))
        axes.scatter(said, seen, s=[20 + 400 * one for one in share], color=color, alpha=0.5)
    axes.legend(frameon=False)
    return figure


def histograms(judge: Judge, test: Sequence[Pair]) -> Figure:
    """Return how P(real) is spread over people's answers and over each generator's."""
    found = judge(laid_out(test).turns)
    speakers = [
        "people" if is_real else pair.generator for pair in test for is_real in (True, False)
    ]
    figure, axes = canvas(
        "P(real)", "share of answers", "What it says of whom, on held-out dialogues"
    )
    names = ["people", *sorted({pair.generator for pair in test})]
    parts = [
        [float(one) for one, speaker in zip(found, speakers, strict=True) if speaker == name]
        for name in names
    ]
    axes.hist(
        parts,
        bins=10,
        range=(0, 1),
        weights=[[1 / len(part)] * len(part) for part in parts],
        label=names,
        rwidth=0.9,
    )
    axes.legend(frameon=False)
    return figure


def learning(curve: Sequence[Mapping[str, Any]]) -> Figure:
    """Return accuracy over dialogues in which machines answered.

    The human turns of all are learnt from (embedding).
    """
    figure, axes = canvas(
        "dialogues that machines answered", "accuracy", "Learning curve on held-out dialogues"
    )
    for name, label, color in (
        ("all", "all pairs", MODEL),
        ("of_one_length", "pairs of one length", OTHER),
    ):
        points = [(point["dialogues"], point[name].get("accuracy")) for point in curve]
        axes.plot(*zip(*points, strict=True), marker="o", color=color, label=label)
    axes.legend(frameon=False)
    return figure


def canvas(across: str, up: str, title: str) -> tuple[Figure, Axes]:
    """Return an empty plot."""
    figure = Figure(figsize=(6, 4.2), layout="constrained")
    axes = figure.add_subplot()
    axes.set(xlabel=across, ylabel=up, title=title)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    return figure, axes
