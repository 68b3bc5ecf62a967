"""Meta-evaluation (section 4.3, table 3): agreement between judge and people, and among people."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gsim_env.errors import ConfigurationError
from gsim_env.evaluation.judge.judge import EVALUATORS, JudgeRating, mean_scores_by_call
from gsim_env.evaluation.judge.rating_sheet import HumanRating
from gsim_env.evaluation.schema import ResultsSection

__all__ = [
    "AgreementReport",
    "InterRaterAgreement",
    "JudgeHumanCorrelation",
    "SalespeopleRankCorrelation",
    "correlation_with_p_value",
    "intraclass_correlation",
    "judge_human_agreement",
    "salespeople_rank_correlation",
]

MIN_PAIRS = 3
"""Two points are always on a line, so a correlation needs at least this many pairs."""

SAME_VALUE = 1e-9
"""Values closer than this count as equal: averages differ in the last bits."""

ScoresByRater = Mapping[str, Mapping[str, float]]
"""Scores of one dimension: by rater, then by call."""


class JudgeHumanCorrelation(ResultsSection):
    """Correlation of the judge's scores with the mean scores of human raters, over ``n`` calls.

    Attributes:
        pearson: In [-1, 1]; ``None`` with fewer than three calls, or if either side is constant.
        pearson_p: Two-sided p value.
        spearman: In [-1, 1]; ``None`` as for ``pearson``.
        spearman_p: Two-sided p value.
        n: The number of calls that both rated.
    """

    pearson: float | None
    pearson_p: float | None
    spearman: float | None
    spearman_p: float | None
    n: int


class InterRaterAgreement(ResultsSection):
    """Agreement of human raters with each other: ICC(2,k) and mean Spearman correlation.

    Attributes:
        icc: ICC(2,k), see :func:`intraclass_correlation`; over calls that all raters rated.
        mean_pairwise_spearman: Mean over pairs of raters with at least three calls in common.
        raters: The number of raters.
    """

    icc: float | None
    mean_pairwise_spearman: float | None
    raters: int


class AgreementReport(ResultsSection):
    """Agreement by evaluator: of judge with people, and of people with each other (table 3)."""

    dimensions: dict[str, JudgeHumanCorrelation]
    raters: dict[str, InterRaterAgreement]


class SalespeopleRankCorrelation(ResultsSection):
    """Rank correlation of salespeople's acceptance rates with two customer simulators.

    Attributes:
        spearman: In [-1, 1]; ``None`` with fewer than three salespeople, or if the rates of one
            simulator are all equal.
        p: Two-sided p value of ``spearman``.
        kendall: Tau-b, in [-1, 1]; ``None`` as for ``spearman``.
        n: The number of salespeople.
    """

    spearman: float | None
    p: float | None
    kendall: float | None
    n: int


def judge_human_agreement(
    human: Sequence[HumanRating], judge: Sequence[JudgeRating]
) -> AgreementReport:
    """Return how well the judge agrees with people, and people with each other (table 3).

    The human score of a call is the mean over its raters; the judge's is the mean over dimensions
    and votes. Calls without either are left out.
    """
    judged = mean_scores_by_call(judge)
    dimensions: dict[str, JudgeHumanCorrelation] = {}
    raters: dict[str, InterRaterAgreement] = {}

    for evaluator in EVALUATORS:
        scores = _scores_by_rater(human, evaluator)
        means = {call: mean for call, mean in _mean_scores(scores).items() if call in judged}
        judge_scores = [judged[call][evaluator] for call in means]

        dimensions[evaluator] = _judge_human_correlation(list(means.values()), judge_scores)
        raters[evaluator] = InterRaterAgreement(
            icc=_icc_of_common_calls(scores),
            mean_pairwise_spearman=_mean_pairwise_spearman(scores),
            raters=len(scores),
        )

    return AgreementReport(dimensions=dimensions, raters=raters)


def _judge_human_correlation(
    human: Sequence[float], judge: Sequence[float]
) -> JudgeHumanCorrelation:
    """Return the correlations of human and judge scores of the same calls."""
    pearson, pearson_p, n = correlation_with_p_value("pearsonr", human, judge)
    spearman, spearman_p, _ = correlation_with_p_value("spearmanr", human, judge)
    return JudgeHumanCorrelation(
        pearson=pearson, pearson_p=pearson_p, spearman=spearman, spearman_p=spearman_p, n=n
    )


def correlation_with_p_value(
    kind: Literal["pearsonr", "spearmanr", "kendalltau"],
    first: Sequence[float],
    second: Sequence[float],
) -> tuple[float | None, float | None, int]:
    """Return a correlation coefficient, its two-sided p value, and its number of pairs.

    Args:
        kind: The function of ``scipy.stats``; ``"kendalltau"`` is tau-b.
        first: Shape (n,); pairs with a NaN are left out.
        second: Shape (n,).

    Returns:
        ``None`` for the first two if fewer than three pairs are left, or if one side is constant.
    """
    import scipy.stats

    pairs = np.array([first, second], dtype=float)
    pairs = pairs[:, ~np.isnan(pairs).any(axis=0)]
    n = pairs.shape[1]
    if n < MIN_PAIRS or np.ptp(pairs, axis=1).min() <= SAME_VALUE:
        return None, None, n

    result = getattr(scipy.stats, kind)(*pairs)
    return float(result.statistic), float(result.pvalue), n


def intraclass_correlation(ratings: ArrayLike) -> float | None:
    """Return ICC(2,k), the reliability of the mean over raters.

    Two-way random effects, absolute agreement, from the mean squares of the analysis of variance of
    targets, judges and error: (BMS - EMS) / (BMS + (JMS - EMS) / n); Shrout and Fleiss (1979),
    *Intraclass correlations: uses in assessing rater reliability*, Psychological Bulletin 86(2),
    420 to 428.

    Args:
        ratings: Shape (n calls, k raters), without NaN.

    Returns:
        At most 1, and below 0 where raters agree less than by chance. ``None`` with fewer than two
        calls or raters, if all ratings are equal, or if the denominator is not positive because
        raters contradict each other.
    """
    table = np.asarray(ratings, dtype=float)
    if table.ndim != 2 or min(table.shape) < 2 or np.ptp(table) <= SAME_VALUE:
        return None

    between, judges, error = anova_mean_squares(table)
    denominator = between + (judges - error) / len(table)
    return float((between - error) / denominator) if denominator > SAME_VALUE else None


def anova_mean_squares(table: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return ANOVA mean squares: between targets (BMS), between judges (JMS), residual (EMS).

    Args:
        table: Shape (n targets, k judges).
    """
    n, k = table.shape
    mean = table.mean()
    rows = table.mean(axis=1)
    columns = table.mean(axis=0)
    residual = table - rows[:, None] - columns[None, :] + mean

    between = k * ((rows - mean) ** 2).sum() / (n - 1)
    judges = n * ((columns - mean) ** 2).sum() / (k - 1)
    error = (residual**2).sum() / ((n - 1) * (k - 1))
    return float(between), float(judges), float(error)


def salespeople_rank_correlation(
    first: Mapping[str, float], second: Mapping[str, float]
) -> SalespeopleRankCorrelation:
    """Correlate salespeople's acceptance rates with two customer simulators, by rank.

    Args:
        first: Acceptance rate of each salesperson with one simulator, by name.
        second: The same with the other simulator.

    Raises:
        ConfigurationError: if the salespeople are not the same.
    """
    if first.keys() != second.keys():
        unmatched = sorted(first.keys() ^ second.keys())
        raise ConfigurationError(
            f"Salespeople with a rate in one simulator only: {', '.join(unmatched)}. "
            "Evaluate both simulators with the same salespeople."
        )

    rates = list(first.values()), [second[name] for name in first]
    spearman, p, n = correlation_with_p_value("spearmanr", *rates)
    kendall, _, _ = correlation_with_p_value("kendalltau", *rates)
    return SalespeopleRankCorrelation(spearman=spearman, p=p, kendall=kendall, n=n)


def _scores_by_rater(ratings: Iterable[HumanRating], dimension: str) -> ScoresByRater:
    """Return the scores of one dimension, by rater, then by call; empty cells are left out."""
    scores: dict[str, dict[str, float]] = defaultdict(dict)
    for rating in ratings:
        score = rating.scores.get(dimension)
        if score is not None:
            scores[rating.rater][rating.call] = score
    return dict(scores)


def _mean_scores(scores: ScoresByRater) -> dict[str, float]:
    """Return the mean over raters of each call."""
    by_call: dict[str, list[float]] = defaultdict(list)
    for rater_scores in scores.values():
        for call, score in rater_scores.items():
            by_call[call].append(score)
    return {call: float(np.mean(values)) for call, values in by_call.items()}


def _icc_of_common_calls(scores: ScoresByRater) -> float | None:
    """Return ICC(2,k) over the calls that all raters rated; ``None`` if there are none."""
    if len(scores) < 2:
        return None
    first, *others = scores.values()
    common = [call for call in first if all(call in other for other in others)]
    if not common:
        return None
    return intraclass_correlation([[rater[call] for rater in scores.values()] for call in common])


def _mean_pairwise_spearman(scores: ScoresByRater) -> float | None:
    """Return the mean Spearman correlation over pairs of raters; ``None`` if no pair has one."""
    correlations = []
    for first, second in combinations(scores.values(), 2):
        common = [call for call in first if call in second]
        spearman, _, _ = correlation_with_p_value(
            "spearmanr", [first[call] for call in common], [second[call] for call in common]
        )
        if spearman is not None:
            correlations.append(spearman)
    return float(np.mean(correlations)) if correlations else None
