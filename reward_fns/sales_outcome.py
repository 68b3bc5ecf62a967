"""The sales outcome reward for verl: 1 for a deal, plus weighted progress toward one."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from gsim_env.rewards.sales_outcome import progress_toward_deal, sales_outcome
from reward_fns.adapter import ExtraInfo, verl_score
from reward_fns.rows import read_field

__all__ = ["compute_score"]


class SalesCall(NamedTuple):
    """The result of a call that the agent loop ``gsim_sales`` played.

    Attributes:
        outcome: The call's outcome.
        turn_scores: The ``shaped`` reward of each turn; empty if the row has none.
    """

    outcome: str
    turn_scores: Sequence[float]


def read_sales_call(solution_str: str, ground_truth: Any, extra_info: ExtraInfo) -> SalesCall:
    """Return the result of a row's call.

    Raises:
        ConfigurationError: if the outcome is missing.
    """
    del solution_str, ground_truth  # the whole call is scored, not its last answer
    outcome = read_field(extra_info, "outcome")
    turn_scores = (extra_info or {}).get("turn_scores", ())
    return SalesCall(outcome, turn_scores)


def score(calls: Sequence[SalesCall], *, progress: float = 0.0) -> list[dict[str, float]]:
    """Return ``outcome`` + ``progress`` x progress of each call as ``score``, and both terms.

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


compute_score = verl_score(read_sales_call, score)
