"""The salesperson's reward for a whole call: 1 for a deal, else 0 (the environment's ``outcome`` reward)."""

from collections.abc import Mapping, Sequence
from typing import Any

from gsim_env.dialogue import Outcome
from gsim_env.errors import ConfigurationError

__all__ = ["compute_score", "sales_outcome"]


def sales_outcome(outcomes: Sequence[Outcome | str]) -> list[float]:
    """Return 1.0 for each accepted call and 0.0 for any other ending.

    Raises:
        ValueError: if something is not an :class:`~gsim_env.dialogue.Outcome`. A call that failed has none: mask it.
    """
    return [float(Outcome(outcome) is Outcome.ACCEPTED) for outcome in outcomes]


def compute_score(
    data_source: str,  # noqa: ARG001 - verl's signature
    solution_str: str,  # noqa: ARG001
    ground_truth: Any,  # noqa: ARG001
    extra_info: Mapping[str, Any] | None = None,
) -> dict[str, float]:
    """Return the reward as verl calls for it (``reward.custom_reward_function``); reads ``extra_info["outcome"]``.

    Raises:
        ConfigurationError: if the agent loop put no outcome there.
    """
    if not extra_info or "outcome" not in extra_info:
        raise ConfigurationError(
            f"extra_info must hold the call's 'outcome', found {sorted(extra_info or ())}. The agent loop puts it there."
        )
    return {"score": sales_outcome([extra_info["outcome"]])[0]}
