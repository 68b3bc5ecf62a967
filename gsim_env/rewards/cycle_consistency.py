"""Cycle consistency (USP): similarity of the given profile and the one extracted from the call."""

from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from gsim_env.corpus.extraction import ProfileExtractor
from gsim_env.dialogue import Dialogue
from gsim_env.dialogue import Turn as DialogueTurn
from gsim_env.models import ChatMessage, Encoder
from gsim_env.profiles import CustomerProfile

__all__ = ["cycle_consistency"]

ROLES = {"user": "sales", "assistant": "customer"}


def cycle_consistency(
    dialogues: Sequence[Sequence[ChatMessage]],
    profiles: Sequence[CustomerProfile],
    extractor: ProfileExtractor,
    encoder: Encoder,
) -> list[float]:
    """Return each call's reward: similarity of the customer's given and extracted profile.

    In [-1, 1]: the mean of two cosines: of the objective part (facts and pain points) and of the
    subjective part (concerns, traits, style) of the profiles. A dialogue in which the customer says
    nothing gets 0. Source: the cycle consistency of USP (Wang et al. 2025).

    Args:
        dialogues: Messages that alternate, starting with ``user``, the salesperson; ``assistant``
            is the customer. Other roles are ignored.
        profiles: The profile p given to each dialogue's customer.
        extractor: The group's profile extractor.
        encoder: phi.

    Raises:
        ValueError: if a dialogue does not alternate, or the numbers of dialogues and profiles
            differ.
        SimulatorError: if the encoder or the extractor fails.
    """
    if len(profiles) != len(dialogues):
        raise ValueError(f"There are {len(dialogues)} dialogues and {len(profiles)} profiles.")

    # A silent customer has no profile to extract: its dialogue keeps 0.
    spoken: dict[int, Dialogue] = {}
    for index, messages in enumerate(dialogues):
        dialogue = _messages_as_dialogue(str(index), messages)
        if dialogue is not None:
            spoken[index] = dialogue

    rewards = np.zeros(len(dialogues))
    extracted = extractor.extract(list(spoken.values()))
    if spoken:
        given = [profiles[index] for index in spoken]
        rewards[list(spoken)] = _profile_similarities(given, extracted, encoder)

    return [float(reward) for reward in np.clip(rewards, -1.0, 1.0)]


def _profile_similarities(
    given: Sequence[CustomerProfile], extracted: Sequence[CustomerProfile], encoder: Encoder
) -> NDArray[np.float64]:
    """Return the mean of the objective and the subjective cosine of each pair of profiles."""
    profiles = chain.from_iterable(zip(given, extracted, strict=True))
    texts = list(chain.from_iterable(map(_profile_texts, profiles)))

    # Axes: pair; given or extracted; objective or subjective; dimension.
    vectors = encoder.encode(texts).reshape(len(given), 2, 2, -1)
    cosines = np.einsum("nsd,nsd->ns", vectors[:, 0], vectors[:, 1])
    return np.asarray(cosines.mean(axis=1))


def _messages_as_dialogue(name: str, messages: Sequence[ChatMessage]) -> Dialogue | None:
    """Return chat messages as a dialogue, or ``None`` if the customer says nothing."""
    turns = []
    for message in messages:
        if message["role"] in ROLES:
            text = message["content"].strip() or "..."
            turns.append(
                DialogueTurn.model_validate({"role": ROLES[message["role"]], "text": text})
            )

    customer_text = "".join(turn.text for turn in turns if turn.role == "customer")
    if not any(letter.isalnum() for letter in customer_text):
        return None
    return Dialogue(id=name, turns=tuple(turns))


def _profile_texts(profile: CustomerProfile) -> tuple[str, str]:
    """Return the objective and the subjective part of a profile as texts."""
    objective = "; ".join((*profile.facts, *profile.pain_points)) or profile.description
    concerns = ", ".join(profile.concerns)
    traits = ", ".join(profile.traits)
    return objective, f"Concerns: {concerns}. {traits}. {profile.style}"
