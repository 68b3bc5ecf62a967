"""Readers of the rows that verl passes to a reward function; errors name the missing field."""

from collections.abc import Iterable
from typing import Any

from gsim_env.errors import ConfigurationError
from gsim_env.models import ChatMessage
from gsim_env.rewards.turns import Turn
from reward_fns.adapter import ExtraInfo

__all__ = ["read_call_messages", "read_field", "read_turn"]


def read_turn(solution_str: str, ground_truth: Any, extra_info: ExtraInfo) -> Turn:
    """Return the turn of a D_sim row; its context is ``extra_info["context"]``.

    Raises:
        ConfigurationError: if the context or the reference is missing.
    """
    if not extra_info or "context" not in extra_info:
        raise ConfigurationError(
            "extra_info must contain the answer's 'context'; it contains "
            f"{sorted(extra_info or ())}. Rows of D_sim have it: rebuild them with gsim group "
            "build."
        )
    if not isinstance(ground_truth, str):
        raise ConfigurationError(
            f"ground_truth must be the human customer's answer, got {ground_truth!r:.80}."
        )

    return Turn(copy_messages(extra_info["context"]), solution_str, ground_truth)


def read_call_messages(
    solution_str: str, ground_truth: Any, extra_info: ExtraInfo
) -> list[ChatMessage]:
    """Return the messages of the whole call that the agent loop ``gsim_customer`` played.

    Raises:
        ConfigurationError: if the row contains no messages.
    """
    del solution_str, ground_truth  # the whole call is scored, not its last answer
    return copy_messages(read_field(extra_info, "messages"))


def read_field(extra_info: ExtraInfo, name: str) -> Any:
    """Return a field that an agent loop adds to ``extra_info``.

    Raises:
        ConfigurationError: if the field is missing.
    """
    if not extra_info or name not in extra_info:
        raise ConfigurationError(
            f"extra_info must contain the call's {name!r}; it contains {sorted(extra_info or ())}. "
            "The agent loops gsim_customer and gsim_sales add it: set one as "
            "actor_rollout_ref.rollout.agent.default_agent_loop."
        )
    return extra_info[name]


def copy_messages(messages: Iterable[Any]) -> list[ChatMessage]:
    """Return messages as plain dicts; verl passes arrays of dicts."""
    copies: list[ChatMessage] = [dict(message) for message in messages]  # type: ignore[misc]
    return copies
