"""Readers of the rows that verl hands to a reward function, with errors that name what is missing."""

from typing import Any

from gsim_env.errors import ConfigurationError
from gsim_env.models import Message
from gsim_env.rewards.turns import Turn
from reward_fns.adapter import ExtraInfo

__all__ = ["read_field", "read_messages", "read_turn"]


def read_turn(solution_str: str, ground_truth: Any, extra_info: ExtraInfo) -> Turn:
    """Return the turn to score; rows of D_sim hold its context in ``extra_info["context"]``.

    Raises:
        ConfigurationError: if the context or the reference is missing.
    """
    if not extra_info or "context" not in extra_info:
        raise ConfigurationError(
            f"extra_info must hold the 'context' of the answer, found {sorted(extra_info or ())}. Rows of D_sim have "
            "it: rebuild them with gsim group build."
        )
    if not isinstance(ground_truth, str):
        raise ConfigurationError(
            f"ground_truth must be the human customer's answer, got {ground_truth!r:.80}."
        )

    context: list[Message] = [dict(message) for message in extra_info["context"]]  # type: ignore[misc]
    return Turn(context, solution_str, ground_truth)


def read_messages(extra_info: ExtraInfo) -> list[Message]:
    """Return the messages of a call that an agent loop played.

    Raises:
        ConfigurationError: if there are none.
    """
    return [dict(message) for message in read_field(extra_info, "messages")]  # type: ignore[misc]


def read_field(extra_info: ExtraInfo, name: str) -> Any:
    """Return a field that an agent loop writes.

    Raises:
        ConfigurationError: if it is missing.
    """
    if not extra_info or name not in extra_info:
        raise ConfigurationError(
            f"extra_info must hold the call's {name!r}, found {sorted(extra_info or ())}. The agent loops of "
            "verl_plugins write it."
        )
    return extra_info[name]
