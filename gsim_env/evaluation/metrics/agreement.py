"""Meta-evaluation (section 4.3, Table 3).

Whether the judge rates as people do, and whether people agree among themselves.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gsim_env.errors import ConfigurationError
from gsim_env.evaluation.judge.judge import EVALUATORS, Rating, call_figures
from gsim_env.evaluation.judge.rating_sheet import HumanRating
from gsim_env.util.extras import require

__all__ = ["agreement", "correlation", "icc", "rank_correlation"]

FEWEST = 3
"""Two points are always on a line: a correlation of fewer than these says nothing."""

FLAT = 1e-9
"""Values that lie nearer to each other than this are the same: averages differ in the last bits."""


def agreement(human: Sequence[HumanRating], judge: Sequence[Rating]) -> dict[str, Any]:
    """Return how well a judge and people agree, and people among themselves.

    A call's human score is the mean over its raters, its judge's score the mean over dimensions and
    votes; calls without either are left out.

    Returns:
        ``dimensions``: for each evaluator ``pearson``, ``pearson_p``, ``spearman``, ``spearman_p``
        (two-sided) and ``n`` calls; ``raters``: for each ``icc`` (:func:`icc`, over calls that all
        raters rated), ``mean_pairwise_spearman`` (over pairs of raters with three calls in common
        or more) and ``raters``, how many there are. ``None`` where a figure cannot be had: fewer
        than three calls, or values that do not differ.
    """
    figures = call_figures(judge)
    dimensions, raters = {}, {}
    for name in EVALUATORS:
        given = _by_rater(human, name)
        means = _means(given)
        rated = [call for call in means if call in figures]
        people, machine = [means[call] for call in rated], [figures[call][name] for call in rated]
        pearson, pearson_p, n = correlation("pearsonr", people, machine)
        spearman, spearman_p, _ = correlation("spearmanr", people, machine)
        dimensions[name] = {
            "pearson": pearson,
            "pearson_p": pearson_p,
            "spearman": spearman,
            "spearman_p": spearman_p,
            "n": n,
        }
        raters[name] = {
            "icc": _icc(given),
            "mean_pairwise_spearman": _pairwise(given),
            "raters": len(given),
        }
    return {"dimensions": dimensions, "raters": raters}


def correlation(
    kind: str, first: Sequence[float], second: Sequence[float]
) -> tuple[float | None, float | None, int]:
    """Return a correlation, its p value, and of how many pairs it is.

    Args:
        kind: Of ``scipy.stats``: ``"pearsonr"``, ``"spearmanr"`` or ``"kendalltau"`` (tau-b).
        first: Shape (n,); pairs with a NaN are left out.
        second: Shape (n,).

    Returns:
        ``None`` for the first two if fewer than three pairs are left, or if one side does not vary.

    Raises:
        ImportError: naming the extra, if scipy is not installed.
    """
    pairs = np.array([first, second], dtype=float)
    pairs = pairs[:, ~np.isnan(pairs).any(axis=0)]
    n = pairs.shape[1]
    if n < FEWEST or np.ptp(pairs, axis=1).min() <= FLAT:
        return None, None, n
    found = getattr(require("scipy.stats", "evaluation"), kind)(*pairs)
    return float(found.statistic), float(found.pvalue), n


def icc(ratings: ArrayLike) -> float | None:
    """Return ICC(2,k).

    How reliable the mean of the raters is, who are a sample of all that could have rated.

    Two-way random effects, absolute agreement, from the mean squares of the analysis of variance of
    targets, judges and error: (BMS - EMS) / (BMS + (JMS - EMS) / n); Shrout and Fleiss (1979),
    *Intraclass correlations: uses in assessing rater reliability*, Psychological Bulletin 86(2),
    420 to 428.

    Args:
        ratings: Shape (n calls, k raters), without NaN.

    Returns:
        At most 1, and below 0 where raters agree less than by chance; ``None`` with fewer than two
        calls or raters, if all ratings are the same, or if raters contradict each other so much
        that the variance below comes out as none.
    """
    table = np.asarray(ratings, dtype=float)
    if table.ndim != 2 or min(table.shape) < 2 or np.ptp(table) <= FLAT:
        return None
    between, judges, error = mean_squares(table)
    below = between + (judges - error) / len(table)
    return float((between - error) / below) if below > FLAT else None


def mean_squares(table: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return BMS, JMS and EMS, the mean squares between targets (rows), between judges (columns), and of the residual."""
    n, k = table.shape
    mean, rows, columns = table.mean(), table.mean(axis=1), table.mean(axis=0)
    residual = table - rows[:, None] - columns[None, :] + mean
    between = k * ((rows - mean) ** 2).sum() / (n - 1)
    judges = n * ((columns - mean) ** 2).sum() / (k - 1)
    return float(between), float(judges), float((residual**2).sum() / ((n - 1) * (k - 1)))


def rank_correlation(
    first: Mapping[str, float], second: Mapping[str, float]
) -> dict[str, float | int | None]:
    """Return whether two simulators rank the same agents alike.

    Args:
        first: Each agent's acceptance rate with one simulator, by the agent's name.
        second: The same agents' with the other.

    Returns:
        ``spearman`` with its ``p``, ``kendall`` (tau-b), and ``n`` agents; ``None`` with fewer than
        three agents, or if a simulator tells none from another.

    Raises:
        ConfigurationError: if the agents are not the same.
    """
    if first.keys() != second.keys():
        odd = sorted(first.keys() ^ second.keys())
        raise ConfigurationError(
            f"Agents with a rate in one simulator only: {', '.join(odd)}. Give both the same agents."
        )
    rates = [first[name] for name in first], [second[name] for name in first]
    spearman, p, n = correlation("spearmanr", *rates)
    return {"spearman": spearman, "p": p, "kendall": correlation("kendalltau", *rates)[0], "n": n}


def _by_rater(ratings: Sequence[HumanRating], dimension: str) -> dict[str, dict[str, float]]:
    """Return the scores that there are: by rater, then call."""
    given: dict[str, dict[str, float]] = defaultdict(dict)
    for rating in ratings:
        if (score := rating.scores.get(dimension)) is not None:
            given[rating.rater][rating.call] = score
    return dict(given)


def _means(given: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    scores: dict[str, list[float]] = defaultdict(list)
    for own in given.values():
        for call, score in own.items():
            scores[call].append(score)
    return {call: float(np.mean(some)) for call, some in scores.items()}


def _icc(given: Mapping[str, Mapping[str, float]]) -> float | None:
    if len(given) < 2:
        return None
    first, *others = given.values()
    common = [call for call in first if all(call in other for other in others)]
    return icc([[own[call] for own in given.values()] for call in common]) if common else None


def _pairwise(given: Mapping[str, Mapping[str, float]]) -> float | None:
    found = []
    for one, other in combinations(given.values(), 2):
        common = [call for call in one if call in other]
        spearman, _, _ = correlation(
            "spearmanr", [one[call] for call in common], [other[call] for call in common]
        )
        if spearman is not None:
            found.append(spearman)
    return float(np.mean(found)) if found else None
