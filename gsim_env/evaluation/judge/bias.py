"""Checks of a judge for bias: order of the dimensions, length of the customer's turns."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gsim_env.evaluation.judge.judge import ALL, EVALUATORS, Judge, JudgeRating, mean_scores_by_call
from gsim_env.evaluation.judge.reports import (
    DimensionOrderShift,
    JudgeBiasReport,
    OrderBiasCheck,
    ScoreLengthCorrelation,
)
from gsim_env.evaluation.metrics.agreement import correlation_with_p_value
from gsim_env.evaluation.records import EvaluatedCall
from gsim_env.util.progress import ProgressCallback, no_progress

__all__ = ["JudgeBiasReport", "check_length_bias", "check_order_bias", "run_bias_checks"]


async def run_bias_checks(
    judge: Judge,
    calls: Sequence[EvaluatedCall],
    n: int = 50,
    seed: int = 0,
    progress: ProgressCallback = no_progress,
) -> JudgeBiasReport:
    """Check a judge for order bias and length bias on a random sample of calls.

    Args:
        judge: The judge; ratings in its store are not requested again.
        calls: The calls to sample from; failed ones are left out.
        n: Sample size; all calls if there are fewer.
        seed: Seed of the sample.
        progress: Reports the ratings in reverse order, as step ``"judge"``.
    """
    completed = [call for call in calls if call.turns]
    drawn = np.random.default_rng(seed).permutation(len(completed))[:n]
    sample = [completed[index] for index in sorted(drawn)]

    ratings = await judge.rate_calls(sample)
    backwards = await judge.rate_calls(sample, progress, backwards=True)
    return JudgeBiasReport(
        order=check_order_bias(ratings, backwards), length=check_length_bias(ratings, sample)
    )


def check_order_bias(
    forwards: Sequence[JudgeRating], backwards: Sequence[JudgeRating]
) -> OrderBiasCheck:
    """Compare ratings of the same calls with dimensions listed in original and reverse order.

    Args:
        forwards: Ratings where prompt and schema list the dimensions in their original order.
        backwards: Ratings where both list them in reverse order.
    """
    before, after = mean_scores_by_call(forwards), mean_scores_by_call(backwards)
    common = [call for call in before if call in after]

    shifts: dict[str, DimensionOrderShift] = {}
    for evaluator in EVALUATORS.values():
        for name in evaluator.dimensions:
            changes = np.array([after[call][name] - before[call][name] for call in common])
            shifts[name] = _order_shift(changes[~np.isnan(changes)])

    return OrderBiasCheck(
        dimensions=shifts,
        missing=sum(rating.scores is None for rating in backwards),
        prompt_tokens=sum(rating.prompt_tokens for rating in backwards),
        completion_tokens=sum(rating.completion_tokens for rating in backwards),
    )


def _order_shift(changes: NDArray[np.float64]) -> DimensionOrderShift:
    if not changes.size:
        return DimensionOrderShift(shift=None, difference=None, n=0)
    return DimensionOrderShift(
        shift=float(changes.mean()), difference=float(np.abs(changes).mean()), n=changes.size
    )


def check_length_bias(
    ratings: Sequence[JudgeRating], calls: Sequence[EvaluatedCall]
) -> dict[str, dict[str, ScoreLengthCorrelation]]:
    """Correlate each evaluator's score with the mean number of words per customer turn.

    Brevity is part of ``business_realism``, so some correlation is intended there; the other
    evaluators should show little.

    Returns:
        By evaluator, then ``"all"`` and each method. Over all calls, a method that is both wordy
        and bad counts as bias; within one method's calls it does not.
    """
    figures = mean_scores_by_call(ratings)
    rated = [call for call in calls if call.turns and call.id in figures]
    words = {call.id: float(np.mean(call.lengths)) for call in rated}
    groups = {ALL: rated}
    for call in rated:
        groups.setdefault(call.method, []).append(call)

    report: dict[str, dict[str, ScoreLengthCorrelation]] = {}
    for evaluator in EVALUATORS:
        report[evaluator] = {}
        for group, members in groups.items():
            spearman, p, n = correlation_with_p_value(
                "spearmanr",
                [figures[call.id][evaluator] for call in members],
                [words[call.id] for call in members],
            )
            report[evaluator][group] = ScoreLengthCorrelation(spearman=spearman, p=p, n=n)
    return report
