"""The salesperson's reward for a whole call: 1 for a deal, else 0, and a part for how far the call came."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from gsim_env.dialogue import Outcome
from gsim_env.errors import ConfigurationError

__all__ = ["call_progress", "compute_score", "sales_outcome"]


def sales_outcome(outcomes: Sequence[Outcome | str]) -> list[float]:
    """Return 1.0 for each accepted call and 0.0 for any other ending (the environment's ``outcome`` reward).

    Raises:
        ValueError: if something is not an :class:`~gsim_env.dialogue.Outcome`. A call that failed has none: mask it.
    """
    return [float(Outcome(outcome) is Outcome.ACCEPTED) for outcome in outcomes]


def call_progress(turn_scores: Sequence[float]) -> float:
    """Return how much nearer to a deal the customer came, at best, before the call's last turn; in [0, 1].

    That is the largest rise of the potential Phi(S_t) above Phi(S_0), which the environment's ``shaped`` rewards sum to: the
    customer's state decides it, not anybody's words.

    Args:
        turn_scores: The ``shaped`` reward of each turn, with gamma 1.
    """
    return min(1.0, max((0.0, *accumulate(turn_scores[:-1]))))


def compute_score(
    data_source: str,  # noqa: ARG001 - verl's signature
    solution_str: str,  # noqa: ARG001
    ground_truth: Any,  # noqa: ARG001
    extra_info: Mapping[str, Any] | None = None,
    *,
    progress: float = 0.0,
) -> dict[str, float]:
    """Return the reward as verl calls for it; reads ``extra_info["outcome"]`` and ``extra_info["turn_scores"]``.

    Args:
        data_source: Not looked at.
        solution_str: Not looked at.
        ground_truth: Not looked at.
        extra_info: What the agent loop ``gsim_sales`` puts there.
        progress: What :func:`call_progress` counts beside a deal's 1. A policy that closes nothing learns from nothing else;
            one that closes calls needs none of it.

    Returns:
        ``score``, ``outcome`` + ``progress`` times the weight, and both terms: verl logs them as metrics.

    Raises:
        ConfigurationError: if the agent loop put no outcome there.
    """
    if not extra_info or "outcome" not in extra_info:
        raise ConfigurationError(
            f"extra_info must hold the call's 'outcome', found {sorted(extra_info or ())}. The agent loop puts it there."
        )
    (deal,) = sales_outcome([extra_info["outcome"]])
    came = call_progress(extra_info.get("turn_scores", ()))
    return {"score": deal + progress * came, "outcome": deal, "progress": came}
