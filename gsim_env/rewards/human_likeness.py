"""Human likeness.

How much a whole conversation's customer sounds like a person (the second reward of USP).
"""

from collections.abc import Sequence

import numpy as np

from gsim_env.models import Message
from gsim_env.rewards.pattern import Discriminator, pattern_reward
from gsim_env.rewards.turns import Turn

__all__ = ["human_likeness"]


def human_likeness(
    dialogues: Sequence[Sequence[Message]], discriminator: Discriminator
) -> list[float]:
    """Return the mean of P(real) over the customer's turns of each dialogue, in [0, 1].

    Needs no reference, so it judges calls that no human ever had. A turn that is a fault
    (:func:`~gsim_env.rewards.turns.fault_of`) counts 0, and so does a dialogue in which the
    customer says nothing. Source: the AI detection reward of USP (Wang et al. 2025), with the
    group's discriminator as the detector.

    Args:
        dialogues: Messages: ``user`` is the salesperson, ``assistant`` the customer; others are not
            looked at.
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
    return [
        Turn(spoken[:i], one["content"])
        for i, one in enumerate(spoken)
        if one["role"] == "assistant"
    ]
