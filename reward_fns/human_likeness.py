"""Human likeness: how much a whole conversation's customer sounds like a person (the second reward of USP)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gsim_env.errors import ConfigurationError
from gsim_env.models import Message
from reward_fns.pattern import Discriminator, load_discriminator, pattern_reward
from reward_fns.turns import Turn

__all__ = ["compute_score", "human_likeness", "messages_of"]


def human_likeness(dialogues: Sequence[Sequence[Message]], discriminator: Discriminator) -> list[float]:
    """Return the mean of P(real) over the customer's turns of each dialogue, in [0, 1].

    Needs no reference, so it judges calls that no human ever had. A turn that is a fault (:func:`~reward_fns.turns.fault_of`)
    counts 0, and so does a dialogue in which the customer says nothing. Source: the AI detection reward of USP (Wang et al.
    2025), with the group's discriminator as the detector.

    Args:
        dialogues: Messages: ``user`` is the salesperson, ``assistant`` the customer; others are not looked at.
        discriminator: D_phi.

    Raises:
        SimulatorError: if the discriminator fails.
    """
    turns = [answers(messages) for messages in dialogues]
    found = iter(pattern_reward([turn for own in turns for turn in own], discriminator))
    return [float(np.mean([next(found) for _ in own])) if own else 0.0 for own in turns]


def answers(messages: Sequence[Message]) -> list[Turn]:
    """Return what the customer said, each time in its context."""
    spoken = [message for message in messages if message["role"] in ("user", "assistant")]
    return [Turn(spoken[:i], one["content"]) for i, one in enumerate(spoken) if one["role"] == "assistant"]


def compute_score(
    data_source: str,  # noqa: ARG001 - verl's signature
    solution_str: str,  # noqa: ARG001
    ground_truth: Any,  # noqa: ARG001
    extra_info: Mapping[str, Any] | None = None,
    *,
    discriminator: str,
) -> dict[str, float]:
    """Return the reward as verl calls for it (``reward.custom_reward_function``); reads ``extra_info["messages"]``.

    Raises:
        ConfigurationError: if the agent loop put no messages there, or there is no such discriminator.
        SimulatorError: if the discriminator fails.
    """
    return {"score": human_likeness([messages_of(extra_info)], load_discriminator(discriminator))[0]}


def messages_of(extra_info: Mapping[str, Any] | None) -> list[Message]:
    """Return the call that an agent loop played.

    Raises:
        ConfigurationError: if there is none.
    """
    if not extra_info or "messages" not in extra_info:
        raise ConfigurationError(
            f"extra_info must hold the call's 'messages', found {sorted(extra_info or ())}. The agent loop puts them there."
        )
    return [dict(message) for message in extra_info["messages"]]  # type: ignore[misc]
