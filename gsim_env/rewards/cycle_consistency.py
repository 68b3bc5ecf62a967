"""Cycle consistency.

Whether the profile that a call tells of is the one that the customer was given (USP).
"""

from collections.abc import Sequence

import numpy as np

from gsim_env.corpus.extraction import ProfileExtractor
from gsim_env.dialogue import Dialogue
from gsim_env.dialogue import Turn as Spoken
from gsim_env.models import Encoder, Message
from gsim_env.profiles import CustomerProfile

__all__ = ["cycle_consistency"]


def cycle_consistency(
    dialogues: Sequence[Sequence[Message]],
    profiles: Sequence[CustomerProfile],
    extractor: ProfileExtractor,
    encoder: Encoder,
) -> list[float]:
    """Return how near the profile extracted from each dialogue is to the one that its customer was
    given, in [-1, 1].

    The mean of two cosines: of what the profiles say objectively (facts and pain points) and
    subjectively (concerns, traits, style). A dialogue in which the customer says nothing has 0.
    Source: the cycle consistency of USP (Wang et al. 2025).

    Args:
        dialogues: Messages that alternate from a ``user``, the salesperson; ``assistant`` is the
            customer. Others are not looked at.
        profiles: p of each dialogue's customer.
        extractor: Of the group.
        encoder: phi.

    Raises:
        ValueError: if a dialogue does not alternate, or there are more or fewer profiles.
        SimulatorError: if the encoder or the extractor fails.
    """
    if len(profiles) != len(dialogues):
        raise ValueError(f"There are {len(dialogues)} dialogues and {len(profiles)} profiles.")
    rewards = np.zeros(len(dialogues))
    heard = {
        index: dialogue
        for index, messages in enumerate(dialogues)
        if (dialogue := played(str(index), messages)) is not None
    }
    found = extractor.extract(list(heard.values()))
    pairs = [(profiles[index], profile) for index, profile in zip(heard, found, strict=True)]
    if pairs:
        texts = [
            text
            for pair in pairs
            for profile in pair
            for text in (objective(profile), subjective(profile))
        ]
        vectors = encoder.encode(texts).reshape(
            len(pairs), 2, 2, -1
        )  # pair; given or extracted; objective or not
        rewards[list(heard)] = np.einsum("nsd,nsd->ns", vectors[:, 0], vectors[:, 1]).mean(axis=1)
    return [float(reward) for reward in np.clip(rewards, -1.0, 1.0)]


def played(name: str, messages: Sequence[Message]) -> Dialogue | None:
    """Return messages as a dialogue, or ``None`` if the customer said nothing."""
    roles = {"user": "sales", "assistant": "customer"}
    turns = [
        Spoken.model_validate(
            {"role": roles[message["role"]], "text": message["content"].strip() or "..."}
        )
        for message in messages
        if message["role"] in roles
    ]
    silent = not any(
        letter.isalnum() for turn in turns if turn.role == "customer" for letter in turn.text
    )
    return None if silent else Dialogue(id=name, turns=tuple(turns))


def objective(profile: CustomerProfile) -> str:
    """Return what a profile says of the customer's life."""
    return "; ".join((*profile.facts, *profile.pain_points)) or profile.description


def subjective(profile: CustomerProfile) -> str:
    """Return what a profile says of the customer's manner."""
    return f"Concerns: {', '.join(profile.concerns)}. {', '.join(profile.traits)}. {profile.style}"
