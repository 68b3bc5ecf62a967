"""Whom an evaluation calls, and the people it compares with.

The group's held-out customers, and their own recorded calls.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gsim_env.errors import ConfigurationError
from gsim_env.evaluation.records import EvaluatedCall
from gsim_env.groups import Group
from gsim_env.groups.bundle import read_calls
from gsim_env.profiles import CustomerProfile, RecordedCall

__all__ = ["HELD_OUT", "ReferenceSet", "select_reference"]

HELD_OUT = "held_out.jsonl"


@dataclass(frozen=True, eq=False)
class ReferenceSet:
    """Whom an evaluation calls, and what people said.

    Attributes:
        called: Each call's customer, by its number: archetype by archetype.
        reference: The recorded calls of those customers, each once: what a method is compared with.
        others: Recorded calls of other people, as many of each archetype as are called, where the
            corpus has them: what the floor, people against people, is measured with.
        source: Where the reference comes from.
    """

    called: tuple[CustomerProfile, ...]
    reference: tuple[EvaluatedCall, ...]
    others: tuple[EvaluatedCall, ...]
    source: str


def select_reference(group: Group, calls: int, seed: int) -> ReferenceSet:
    """Choose the customers of an evaluation.

    The group's held-out ones, each called again only after all of its archetype.

    Args:
        group: The cohort.
        calls: Calls to each archetype.
        seed: Of the choice.

    Raises:
        ConfigurationError: if the group has no held-out calls, or none of an archetype that its
            corpus has.
    """
    file = group.path / HELD_OUT
    if not file.is_file():
        raise ConfigurationError(
            f"{group.path} has no {HELD_OUT}: there is nobody to compare with whom the simulator has not met. Build the group "
            "with a held-out share: gsim group build --held-out 0.2 ..."
        )
    rng = np.random.default_rng([seed, 0x9E09])
    held = read_calls(file)
    called: list[RecordedCall] = []
    others: list[RecordedCall] = []
    for archetype in group.config.archetypes:
        own = shuffled([call for call in held if call.profile.archetype == archetype], rng)
        recorded = shuffled(
            [call for call in group.calls if call.profile.archetype == archetype], rng
        )
        if not own and recorded:
            raise ConfigurationError(
                f"{file} has no customer of the archetype {archetype!r}, which the corpus has."
            )
        called += [own[number % len(own)] for number in range(calls) if own]
        others += recorded[:calls]
    reference = list({call.id: call for call in called}.values())
    return ReferenceSet(
        called=tuple(call.profile for call in called),
        reference=recorded_calls(reference),
        others=recorded_calls(others),
        source=f"{HELD_OUT} of {group.config.name}",
    )


def shuffled(calls: Sequence[RecordedCall], rng: np.random.Generator) -> list[RecordedCall]:
    """Return calls in a random order."""
    return [calls[index] for index in rng.permutation(len(calls))]


def recorded_calls(calls: Sequence[RecordedCall]) -> tuple[EvaluatedCall, ...]:
    """Return calls of people as an evaluation reads them, numbered as they come."""
    return tuple(EvaluatedCall.of_people(number, call) for number, call in enumerate(calls))
