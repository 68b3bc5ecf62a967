"""Plots of a training run: reliability diagram, histogram of P(real), learning curve."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gsim_env.discriminator.baselines import AnswerClassifier
from gsim_env.discriminator.metrics import calibration_bins
from gsim_env.discriminator.pairs import AnswerPair, labeled_answers_of_pairs
from gsim_env.discriminator.report import LearningCurvePoint

__all__ = ["write_evaluation_plots"]

BLUE, ORANGE, GRAY = "#1b6ca8", "#d1662a", "#777777"


def write_evaluation_plots(
    folder: Path,
    classifiers: Mapping[str, AnswerClassifier],
    test: Sequence[AnswerPair],
    curve: Sequence[LearningCurvePoint] | None,
) -> None:
    """Write a discriminator's evaluation plots: reliability, P(real) histogram, learning curve."""
    folder.mkdir(parents=True, exist_ok=True)

    _reliability_diagram(classifiers, test).savefig(folder / "reliability.png", dpi=120)
    _score_histogram(classifiers["model"], test).savefig(folder / "scores.png", dpi=120)
    if curve:
        _learning_curve_plot(curve).savefig(folder / "learning_curve.png", dpi=120)


def _reliability_diagram(
    classifiers: Mapping[str, AnswerClassifier], test: Sequence[AnswerPair]
) -> Figure:
    """Return the share of real answers over P(real); calibrated classifiers are on the diagonal."""
    turns, real, _ = labeled_answers_of_pairs(test)
    figure, axes = _empty_plot(
        "P(real)", "share of real answers", "Reliability, held-out dialogues"
    )
    axes.plot([0, 1], [0, 1], color=GRAY, linewidth=1, linestyle="--")

    for name, color in (("model", BLUE), ("length_only", ORANGE)):
        bins = calibration_bins(classifiers[name](turns), real)
        label = name.replace("_", " ")
        axes.plot(bins.predicted, bins.real, color=color, linewidth=1.5, label=label)
        sizes = 20 + 400 * bins.share
        axes.scatter(bins.predicted, bins.real, s=sizes, color=color, alpha=0.5)

    axes.legend(frameon=False)
    return figure


def _score_histogram(classify: AnswerClassifier, test: Sequence[AnswerPair]) -> Figure:
    """Return the distribution of P(real) over human answers and over each generator's."""
    probabilities = classify(labeled_answers_of_pairs(test).turns)

    by_speaker: dict[str, list[float]] = {"people": []}
    for name in sorted({pair.generator for pair in test}):
        by_speaker[name] = []
    # labeled_answers_of_pairs lists the human's answer of each pair before the model's.
    for pair, human, model in zip(test, probabilities[::2], probabilities[1::2], strict=True):
        by_speaker["people"].append(float(human))
        by_speaker[pair.generator].append(float(model))

    figure, axes = _empty_plot(
        "P(real)", "share of answers", "P(real) by speaker, held-out dialogues"
    )
    axes.hist(
        list(by_speaker.values()),
        bins=10,
        range=(0, 1),
        weights=[[1 / len(values)] * len(values) for values in by_speaker.values()],
        label=list(by_speaker),
        rwidth=0.9,
    )
    axes.legend(frameon=False)
    return figure


def _learning_curve_plot(curve: Sequence[LearningCurvePoint]) -> Figure:
    """Return accuracy over the number of dialogues with negatives.

    The embedding backend also learns from the human turns of all other training dialogues.
    """
    figure, axes = _empty_plot(
        "dialogues with negatives", "accuracy", "Learning curve, held-out dialogues"
    )
    dialogues = [point.dialogues for point in curve]
    lines = {
        "all pairs": ([point.all.accuracy for point in curve], BLUE),
        "pairs of one length": ([point.of_one_length.accuracy for point in curve], ORANGE),
    }
    for label, (accuracies, color) in lines.items():
        axes.plot(dialogues, accuracies, marker="o", color=color, label=label)  # type: ignore[arg-type]

    axes.legend(frameon=False)
    return figure


def _empty_plot(x_label: str, y_label: str, title: str) -> tuple[Figure, Axes]:
    """Return a figure with empty axes."""
    figure = Figure(figsize=(6, 4.2), layout="constrained")
    axes = figure.add_subplot()
    axes.set(xlabel=x_label, ylabel=y_label, title=title)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    return figure, axes
