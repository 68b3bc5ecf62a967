"""Human likeness (USP): how human the customer sounds over a whole call."""

from collections.abc import Sequence
from itertools import chain

import numpy as np

from gsim_env.models import ChatMessage
from gsim_env.rewards.pattern import Discriminator, pattern_reward
from gsim_env.rewards.turns import Turn

__all__ = ["human_likeness"]


def human_likeness(
    dialogues: Sequence[Sequence[ChatMessage]], discriminator: Discriminator
) -> list[float]:
    """Return each call's reward: mean probability that a human wrote the customer turns, in [0, 1].

    Needs no reference, so it also scores simulated calls without a human counterpart. A turn with a
    fault (:func:`~gsim_env.rewards.turns.find_answer_fault`) counts as 0; a dialogue in which the
    customer says nothing gets 0. Source: the AI detection reward of USP (Wang et al. 2025), with
    the group's discriminator as the detector.

    Args:
        dialogues: Messages: ``user`` is the salesperson, ``assistant`` the customer. Other roles
            are ignored.
        discriminator: D_phi.

    Raises:
        SimulatorError: if the discriminator fails.
    """
    turns_by_dialogue = [_customer_turns(messages) for messages in dialogues]
    all_turns = list(chain.from_iterable(turns_by_dialogue))

    # Score all turns as one batch, then hand them back dialogue by dialogue.
    scores = iter(pattern_reward(all_turns, discriminator))
    rewards = []
    for turns in turns_by_dialogue:
        dialogue_scores = [next(scores) for _ in turns]
        rewards.append(float(np.mean(dialogue_scores)) if turns else 0.0)
    return rewards


def _customer_turns(messages: Sequence[ChatMessage]) -> list[Turn]:
    """Return each customer utterance with its context, without references."""
    spoken = [message for message in messages if message["role"] in {"user", "assistant"}]
    return [
        Turn(spoken[:index], message["content"])
        for index, message in enumerate(spoken)
        if message["role"] == "assistant"
    ]
