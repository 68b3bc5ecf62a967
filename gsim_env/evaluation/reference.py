"""The reference set: held-out customers to call, and recorded human calls to compare with."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gsim_env.errors import ConfigurationError
from gsim_env.evaluation.records import EvaluatedCall
from gsim_env.groups import Group
from gsim_env.groups.bundle import read_recorded_calls
from gsim_env.profiles import CustomerProfile, RecordedCall

__all__ = ["HELD_OUT", "ReferenceSet", "select_reference_set"]

HELD_OUT = "held_out.jsonl"
"""A group's calls that the simulator does not see."""

SEED_STREAM = 0x9E09
"""Separates the choice of customers from other uses of the same seed."""


@dataclass(frozen=True, eq=False)
class ReferenceSet:
    """The customers that an evaluation calls, and recorded human calls to compare with.

    Attributes:
        customers: The customer of each call, by the call's number; archetype by archetype.
        reference: The recorded calls of these customers, once each: methods are compared with them.
        human_floor: Recorded calls of other people, as many per archetype as are called, where the
            corpus has them: their distance from the reference is the human-to-human floor.
        source: The file and the group of the reference.
    """

    customers: tuple[CustomerProfile, ...]
    reference: tuple[EvaluatedCall, ...]
    human_floor: tuple[EvaluatedCall, ...]
    source: str


def select_reference_set(group: Group, calls: int, seed: int) -> ReferenceSet:
    """Choose an evaluation's customers and human calls from the group's held-out calls.

    A customer is called again only after all others of their archetype.

    Args:
        group: The group.
        calls: Calls to each archetype.
        seed: Seed of the choice.

    Raises:
        ConfigurationError: if the group has no held-out calls, or none of an archetype that its
            corpus has.
    """
    file = group.path / HELD_OUT
    if not file.is_file():
        raise ConfigurationError(
            f"{group.path} has no {HELD_OUT}: there are no people to compare with that the "
            "simulator has not seen. Build the group with a held-out share: "
            "gsim group build --held-out 0.2 ..."
        )

    rng = np.random.default_rng([seed, SEED_STREAM])
    held_out = read_recorded_calls(file)
    chosen: list[RecordedCall] = []
    others: list[RecordedCall] = []
    for archetype in group.config.archetypes:
        candidates = _shuffled(_with_archetype(held_out, archetype), rng)
        recorded = _shuffled(_with_archetype(group.calls, archetype), rng)
        if not candidates and recorded:
            raise ConfigurationError(
                f"{file} has no customer of the archetype {archetype!r}, which the corpus has. "
                "Build the group with a larger held-out share."
            )
        if candidates:
            chosen += [candidates[number % len(candidates)] for number in range(calls)]
        others += recorded[:calls]

    reference = list({call.id: call for call in chosen}.values())
    return ReferenceSet(
        customers=tuple(call.profile for call in chosen),
        reference=_as_evaluated_calls(reference),
        human_floor=_as_evaluated_calls(others),
        source=f"{HELD_OUT} of {group.config.name}",
    )


def _with_archetype(calls: Sequence[RecordedCall], archetype: str) -> list[RecordedCall]:
    """Return the calls of customers of one archetype."""
    return [call for call in calls if call.profile.archetype == archetype]


def _shuffled(calls: Sequence[RecordedCall], rng: np.random.Generator) -> list[RecordedCall]:
    """Return calls in random order."""
    return [calls[index] for index in rng.permutation(len(calls))]


def _as_evaluated_calls(calls: Sequence[RecordedCall]) -> tuple[EvaluatedCall, ...]:
    """Return recorded calls as evaluated calls, numbered in order."""
    return tuple(EvaluatedCall.from_recording(number, call) for number, call in enumerate(calls))
