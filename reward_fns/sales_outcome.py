"""The sales outcome reward for verl: 1 for a deal, plus a weight for how far the call came."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from gsim_env.rewards.sales_outcome import call_progress, sales_outcome
from reward_fns.adapter import ExtraInfo, verl_score
from reward_fns.rows import read_field

__all__ = ["compute_score"]


class SalesCall(NamedTuple):
    """The result of a call that the agent loop ``gsim_sales`` played."""

    outcome: str
    turn_scores: Sequence[float]


def read_call(solution_str: str, ground_truth: Any, extra_info: ExtraInfo) -> SalesCall:
    """Return the result of a row's call."""
    del solution_str, ground_truth  # the whole call is scored, not one answer
    outcome = read_field(extra_info, "outcome")
    assert extra_info is not None, "it holds an outcome"
    return SalesCall(outcome, extra_info.get("turn_scores", ()))


def score(calls: Sequence[SalesCall], *, progress: float = 0.0) -> list[dict[str, float]]:
    """Score calls: ``outcome`` plus ``progress`` times the weight as ``score``, and both terms.

    Args:
        calls: Results of calls.
        progress: The weight of :func:`~gsim_env.rewards.sales_outcome.call_progress` beside a
            deal's 1. It helps a policy that closes nothing yet; 0 rewards deals alone.

    Raises:
        ValueError: if an outcome is not legal.
    """
    deals = sales_outcome([call.outcome for call in calls])
    rises = [call_progress(call.turn_scores) for call in calls]

    return [
        {"score": deal + progress * rise, "outcome": deal, "progress": rise}
        for deal, rise in zip(deals, rises, strict=True)
    ]


compute_score = verl_score(read_call, score)
