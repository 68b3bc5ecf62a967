"""Readers of the rows that verl passes to a reward function; errors name the missing field."""

from collections.abc import Iterable
from typing import Any

from gsim_env.errors import ConfigurationError
from gsim_env.models import ChatMessage
from gsim_env.rewards.turns import Turn
from reward_fns.adapter import ExtraInfo

__all__ = ["read_call_messages", "read_extra_field", "read_turn_to_score"]


def read_turn_to_score(solution_str: str, ground_truth: Any, extra_info: ExtraInfo) -> Turn:
    """Return the customer turn to score from a D_sim row: context, answer, human reference.

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

    return Turn(_copy_messages(extra_info["context"]), solution_str, ground_truth)


def read_call_messages(
    solution_str: str, ground_truth: Any, extra_info: ExtraInfo
) -> list[ChatMessage]:
    """Return all messages of the call that the agent loop ``gsim_customer`` played.

    Raises:
        ConfigurationError: if the row contains no messages.
    """
    del solution_str, ground_truth  # the whole call is scored, not its last answer
    return _copy_messages(read_extra_field(extra_info, "messages"))


def read_extra_field(extra_info: ExtraInfo, name: str) -> Any:
    """Return the field ``name`` of ``extra_info``, which an agent loop must have added.

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


def _copy_messages(messages: Iterable[Any]) -> list[ChatMessage]:
    """Return a copy of messages as a list of dicts; verl passes arrays of dicts."""
    copies: list[ChatMessage] = [dict(message) for message in messages]  # type: ignore[misc]
    return copies
