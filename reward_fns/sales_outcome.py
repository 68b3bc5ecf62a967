"""The sales outcome reward for verl: 1 for a deal, plus weighted progress toward one."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from gsim_env.dialogue import Outcome
from gsim_env.rewards.sales_outcome import progress_toward_deal, sales_outcome
from reward_fns.adapter import ExtraInfo, make_compute_score
from reward_fns.rows import read_extra_field

__all__ = ["compute_score"]


class _SalesCallResult(NamedTuple):
    """Outcome and turn rewards of a call that the agent loop ``gsim_sales`` played.

    Attributes:
        outcome: The call's outcome.
        turn_scores: The ``shaped`` reward of each turn; empty if the row has none.
    """

    outcome: Outcome
    turn_scores: Sequence[float]


def _read_sales_call_result(
    solution_str: str, ground_truth: Any, extra_info: ExtraInfo
) -> _SalesCallResult:
    """Return the call's outcome and turn rewards from the row that verl passes.

    Raises:
        ConfigurationError: if the outcome is missing.
        ValueError: if it is not legal; the other rows of the batch keep their scores.
    """
    del solution_str, ground_truth  # the whole call is scored, not its last answer
    outcome = Outcome(read_extra_field(extra_info, "outcome"))  # before it joins a batch of rows
    turn_scores = (extra_info or {}).get("turn_scores", ())
    return _SalesCallResult(outcome, turn_scores)


def sales_outcome_scores(
    calls: Sequence[_SalesCallResult], *, progress: float = 0.0
) -> list[dict[str, float]]:
    """Return each call's sales outcome reward as ``score``, with its two terms.

    ``score`` is ``outcome`` (1 for a deal) plus the weight ``progress`` times the call's progress.

    Args:
        calls: Results of calls.
        progress: The weight of :func:`~gsim_env.rewards.sales_outcome.progress_toward_deal`,
            relative to 1 for a deal. It helps a policy that closes no deals yet; 0 rewards deals
            alone.

    Raises:
        ValueError: if an outcome is not legal.
    """
    outcomes = sales_outcome([call.outcome for call in calls])
    progresses = [progress_toward_deal(call.turn_scores) for call in calls]

    return [
        {"score": outcome + progress * call_rise, "outcome": outcome, "progress": call_rise}
        for outcome, call_rise in zip(outcomes, progresses, strict=True)
    ]


compute_score = make_compute_score(_read_sales_call_result, sales_outcome_scores)
