"""Comparison of two methods: differences of their figures, paired by call where possible."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gsim_env.errors import ConfigurationError, unknown_name_error
from gsim_env.evaluation.judge.judge import FIGURES, call_figures
from gsim_env.evaluation.metrics.agreement import RankCorrelation, rank_correlation
from gsim_env.evaluation.metrics.diversity import irs, snr, tlv
from gsim_env.evaluation.metrics.features import CallFeatures, FeatureExtractor
from gsim_env.evaluation.output import RATINGS, read_calls, read_ratings, read_results
from gsim_env.evaluation.records import EvaluatedCall
from gsim_env.evaluation.report.results import EvaluationManifest
from gsim_env.evaluation.schema import ABSENT, IntervalField, Section
from gsim_env.groups import Group
from gsim_env.util.stats import ConfidenceInterval, bootstrap_interval, mean_confidence_interval

__all__ = ["Comparison", "EvaluatedMethod", "compare", "difference", "load_method"]

DIFFERENCE_SEED = 1
"""Seeds the resamples of ``a``; those of ``b`` are the bootstrap's own."""

CallKey = tuple[str, int]
"""Salesperson and number: calls of two methods with the same key are to the same customer."""


class FigureComparison(Section):
    """A figure of both methods, and the difference b - a."""

    a: IntervalField
    b: IntervalField
    difference: IntervalField


class SalespeopleRanking(RankCorrelation):
    """Whether both methods rank the salespeople alike; ``a`` and ``b`` are acceptance rates."""

    a: dict[str, float]
    b: dict[str, float]


class Comparison(Section):
    """Two methods compared.

    Attributes:
        a: Name of the first method, as ``folder:method``.
        b: Name of the second.
        paired: Whether calls to the same customer are compared in pairs.
        figures: The comparison of each figure, by name.
        agents: Whether both rank the salespeople alike; ``None`` with fewer than two in common.
    """

    a: str
    b: str
    paired: bool
    figures: dict[str, FigureComparison]
    agents: SalespeopleRanking | None


class EvaluatedMethod:
    """A method of a finished evaluation.

    Args:
        folder: The evaluation's output folder.
        method: The method's name.

    Attributes:
        name: ``folder:method``.
        manifest: Where the evaluation's results come from.
        calls: The method's calls.
        ratings: The judge's figures of each call, by its id; empty without a judge.

    Raises:
        ConfigurationError: if the folder holds no finished evaluation, or no such method.
    """

    def __init__(self, folder: Path, method: str) -> None:
        """Read the evaluation."""
        results = read_results(folder)
        if method not in results.methods:
            raise unknown_name_error(f"method of {folder}", method, results.methods)
        if results.manifest is None:
            raise ConfigurationError(f"{folder} has no manifest. Run the evaluation again.")

        self.name = f"{folder}:{method}"
        self.manifest: EvaluationManifest = results.manifest
        self.calls = [call for call in read_calls(folder) if call.method == method]
        self.ratings = call_figures(read_ratings(folder)) if (folder / RATINGS).is_file() else {}


Figure = Callable[[EvaluatedMethod, CallFeatures], float]
"""A figure of one call; NaN if the call does not have it."""


def load_method(text: str) -> EvaluatedMethod:
    """Return the method named by ``FOLDER:METHOD``, or by ``FOLDER`` if it has a single method.

    Raises:
        ConfigurationError: if the folder holds no finished evaluation or no such method, or if it
            has several methods and none is named.
    """
    folder, colon, method = text.rpartition(":")
    if colon and method and Path(folder).is_dir():
        return EvaluatedMethod(Path(folder), method)

    methods = read_results(Path(text)).methods
    if len(methods) > 1:
        raise ConfigurationError(
            f"{text} has several methods: {', '.join(methods)}. Name one: {text}:{methods[0]}"
        )
    return EvaluatedMethod(Path(text), methods[0])


def compare(
    a: EvaluatedMethod, b: EvaluatedMethod, extractor: FeatureExtractor, group: Group
) -> Comparison:
    """Return the figures of two methods of one group, and their differences.

    Calls with the same salesperson and the same customer are compared in pairs if both evaluations
    have the same seed, customers and number of calls; otherwise both sets of calls are resampled
    independently.

    Args:
        a: The first method.
        b: The second method.
        extractor: Extracts the features of calls.
        group: The group.

    Raises:
        ConfigurationError: if the methods belong to different groups.
    """
    if a.manifest.group_digest != b.manifest.group_digest:
        raise ConfigurationError(
            f"{a.name} and {b.name} belong to different groups, or to different versions of one. "
            "Evaluate both with the same group."
        )

    paired = same_calls(a.manifest, b.manifest)
    features_a = extractor.extract(a.calls)
    features_b = extractor.extract(b.calls)

    figures = {}
    for name, figure in call_level_figures(group, a, b).items():
        values_a = {key(features.call): figure(a, features) for features in features_a}
        values_b = {key(features.call): figure(b, features) for features in features_b}
        figures[name] = FigureComparison(
            a=mean_confidence_interval(list(values_a.values())),
            b=mean_confidence_interval(list(values_b.values())),
            difference=difference(values_a, values_b, paired=paired),
        )

    ranking = rank_salespeople(a.calls, b.calls)
    return Comparison(a=a.name, b=b.name, paired=paired, figures=figures, agents=ranking)


def same_calls(a: EvaluationManifest, b: EvaluationManifest) -> bool:
    """Return whether two evaluations called the same customers with the same seeds."""
    return (a.seed, a.people_digest, a.calls) == (b.seed, b.people_digest, b.calls)


def key(call: EvaluatedCall) -> CallKey:
    """Return what two methods' calls to the same customer have in common."""
    return call.salesperson, call.number


def call_level_figures(group: Group, *methods: EvaluatedMethod) -> dict[str, Figure]:
    """Return the figures that a single call has; the judge's only if all methods were judged."""
    figures: dict[str, Figure] = {
        "tlv": lambda _, call: tlv(call.lengths),
        "irs": lambda _, call: irs(call),
        "snr": lambda _, call: snr(call.stages, group),
        "words_per_turn": lambda _, call: float(call.lengths.mean()),
        "turns": lambda _, call: float(len(call.lengths)),
        "role_inversion": lambda _, call: float(call.inverted.mean()),
        "repetition": lambda _, call: float(call.repeated.mean()),
        "accepted": lambda _, call: float(call.call.outcome == "accepted"),
    }
    if all(method.ratings for method in methods):
        figures |= {name: judged_figure(name) for name in FIGURES}
    return figures


def judged_figure(name: str) -> Figure:
    """Return the judge's figure of a call; NaN where the rating is missing."""
    return lambda method, call: method.ratings.get(call.call.id, {}).get(name, math.nan)


def difference(
    a: Mapping[CallKey, float], b: Mapping[CallKey, float], *, paired: bool
) -> ConfidenceInterval:
    """Return the mean of b minus the mean of a, with its interval.

    Calls without the figure (NaN) are left out; if paired, with their partners.
    """
    if paired:
        return mean_confidence_interval([b[call] - a[call] for call in a if call in b])

    first = np.array([value for value in a.values() if not np.isnan(value)])
    second = np.array([value for value in b.values() if not np.isnan(value)])
    if not len(first) or not len(second):
        return ABSENT

    # Resample both sets of calls independently.
    rng = np.random.default_rng(DIFFERENCE_SEED)

    def resampled_difference(rows: NDArray[np.int64]) -> float:
        drawn = first[rng.integers(len(first), size=len(first))]
        return float(second[rows].mean() - drawn.mean())

    interval = bootstrap_interval(len(second), resampled_difference)
    return interval._replace(value=float(second.mean() - first.mean()))


def rank_salespeople(
    a: Sequence[EvaluatedCall], b: Sequence[EvaluatedCall]
) -> SalespeopleRanking | None:
    """Return whether two methods rank the salespeople that called both alike.

    ``None`` with fewer than two salespeople in common.
    """
    rates_a = acceptance_rates(a)
    rates_b = acceptance_rates(b)
    common = [name for name in rates_a if name in rates_b]
    if len(common) < 2:
        return None

    first = {name: rates_a[name] for name in common}
    second = {name: rates_b[name] for name in common}
    return SalespeopleRanking(a=first, b=second, **dict(rank_correlation(first, second)))


def acceptance_rates(calls: Sequence[EvaluatedCall]) -> dict[str, float]:
    """Return the share of accepted calls, by salesperson."""
    outcomes: dict[str, list[bool]] = {}
    for call in calls:
        outcomes.setdefault(call.salesperson, []).append(call.outcome == "accepted")
    return {name: float(np.mean(accepted)) for name, accepted in outcomes.items()}
