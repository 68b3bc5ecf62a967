"""Whether a judge is swayed by what should not matter.

The order of the dimensions, and the length of the customer's turns.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gsim_env.evaluation.judge.cache import Progress
from gsim_env.evaluation.judge.judge import ALL, EVALUATORS, Judge, Rating, call_figures
from gsim_env.evaluation.metrics.agreement import correlation
from gsim_env.evaluation.records import EvaluatedCall

__all__ = ["bias_checks", "length_check", "order_check"]


def bias_checks(
    judge: Judge,
    calls: Sequence[EvaluatedCall],
    n: int = 50,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Return both checks on a sample of calls.

    ``order`` and ``length``, for ``judge_report(checks=...)``.

    Args:
        judge: With its store: ratings that are there are not asked for again.
        calls: To draw from; failed ones are left out.
        n: How many are drawn; all if there are fewer.
        seed: Of the sample.
        progress: Told about the ratings in reverse order.
    """
    sound = [call for call in calls if call.turns]
    drawn = np.random.default_rng(seed).permutation(len(sound))[:n]
    sample = [sound[index] for index in sorted(drawn)]
    ratings = judge.rate(sample)
    backwards = judge.rate(sample, progress, backwards=True)
    return {"order": order_check(ratings, backwards), "length": length_check(ratings, sample)}


def order_check(forwards: Sequence[Rating], backwards: Sequence[Rating]) -> dict[str, Any]:
    """Compare ratings with those of the same calls where prompt and schema had the dimensions in
    reverse order.

    Returns:
        ``dimensions``: for each ``shift`` (mean of backwards minus forwards, -10 to 10; 0 is no
        bias), ``difference`` (mean absolute difference; what is left of it without a shift is
        noise) and ``n`` calls that have both, the first two ``None`` if there is none; ``missing``,
        ``prompt_tokens`` and ``completion_tokens`` of the ratings in reverse order.
    """
    before, after = call_figures(forwards), call_figures(backwards)
    dimensions = {}
    for name in (name for evaluator in EVALUATORS.values() for name in evaluator.dimensions):
        moved = np.array(
            [after[call][name] - before[call][name] for call in before if call in after]
        )
        moved = moved[~np.isnan(moved)]
        shift, difference = (
            (float(moved.mean()), float(np.abs(moved).mean())) if moved.size else (None, None)
        )
        dimensions[name] = {"shift": shift, "difference": difference, "n": int(moved.size)}
    return {
        "dimensions": dimensions,
        "missing": sum(rating.scores is None for rating in backwards),
        "prompt_tokens": sum(rating.prompt_tokens for rating in backwards),
        "completion_tokens": sum(rating.completion_tokens for rating in backwards),
    }


def length_check(ratings: Sequence[Rating], calls: Sequence[EvaluatedCall]) -> dict[str, Any]:
    """Correlate each evaluator's score with the mean number of words in the customer's turns.

    Brevity is scored, so some correlation of ``business_realism`` is meant; the others should have
    little.

    Returns:
        By evaluator, then ``"all"`` (over all calls, where a method that is wordy as well as bad
        counts as bias) and each method (within its calls): ``spearman``, ``p`` and ``n``; the first
        two ``None`` if nothing can be said.
    """
    figures = call_figures(ratings)
    rated = [call for call in calls if call.turns and call.id in figures]
    kinds = [ALL, *dict.fromkeys(call.method for call in rated)]
    found: dict[str, Any] = {evaluator: {} for evaluator in EVALUATORS}
    for evaluator in EVALUATORS:
        for kind in kinds:
            own = [call for call in rated if kind in (ALL, call.method)]
            words = [float(np.mean(call.lengths)) for call in own]
            spearman, p, n = correlation(
                "spearmanr", [figures[call.id][evaluator] for call in own], words
            )
            found[evaluator][kind] = {"spearman": spearman, "p": p, "n": n}
    return found
