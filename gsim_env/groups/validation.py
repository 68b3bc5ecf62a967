"""Validation of a group's corpus: the checks that go beyond loading."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from gsim_env.dialogue import Outcome, Turn
from gsim_env.errors import CorpusError
from gsim_env.groups.bundle import Group, resolve_group_folder
from gsim_env.models import Encoder
from gsim_env.profiles import RecordedCall
from gsim_env.sop.index import embed_cached
from gsim_env.sop.taxonomy import ENDING_KINDS, CustomerKind, Taxonomy

__all__ = ["GroupProblem", "check_loaded_group", "find_group_problems"]

FINAL_KINDS: frozenset[CustomerKind] = frozenset({"accept", "hang_up"})
"""Kinds of stages that end a call; a refusal can still be answered."""

MIN_EXCHANGES = 3
MIN_EXCHANGES_HUNG_UP = 2
MAX_EXCHANGES = 15

DUPLICATE_SIMILARITY = 0.95
"""Cosine similarity above which two customer turns are near-duplicates."""

MIN_DUPLICATE_WORDS = 6
"""Shorter turns are never near-duplicates: many customers say "Yeah?"."""

BLOCK_ROWS = 1024
"""Rows of the similarity matrix in memory at a time."""


@dataclass(frozen=True, slots=True)
class GroupProblem:
    """One problem that validation found in a customer group: check, message and call.

    Attributes:
        check: The check: ``loads``, ``ends_with_customer``, ``ending``, ``exchanges``, ``concern``,
            ``stage_unused``, ``archetype_empty`` or ``near_duplicate``.
        message: The problem, and the legal values.
        call: The id of the call; ``None`` if the problem concerns the group.
    """

    check: str
    message: str
    call: str | None = None


def find_group_problems(group: str, encoder: Encoder) -> list[GroupProblem]:
    """Load a customer group from its folder and return the problems of its files and corpus.

    Args:
        group: A built-in group, or the path of a folder; its files are read again at each call.
        encoder: The sentence encoder phi, for near-duplicates.

    Returns:
        The problems; empty if the group is valid. A group that does not load has one: ``loads``.

    Raises:
        ConfigurationError: if there is no such group.
    """
    try:
        loaded = Group.load(resolve_group_folder(group))
    except CorpusError as error:
        return [GroupProblem("loads", str(error))]
    return check_loaded_group(loaded, encoder)


def check_loaded_group(group: Group, encoder: Encoder) -> list[GroupProblem]:
    """Return the problems of a loaded customer group; see :func:`find_group_problems`."""
    findings: list[GroupProblem] = []
    for call in group.calls:
        findings += _check_call(call, group.taxonomy)
    findings += _check_coverage(group)
    findings += _near_duplicates(group, encoder)
    return findings


def _check_call(call: RecordedCall, taxonomy: Taxonomy) -> Iterator[GroupProblem]:
    """Yield the problems of one call; loading has checked that its turns alternate."""
    if call.turns[-1].role != "customer":
        message = "the last turn is by 'sales', expected 'customer'"
        yield GroupProblem("ends_with_customer", message, call.id)

    for index, turn in enumerate(call.turns):
        if turn.role == "customer":
            yield from _check_ending(call, index, turn, taxonomy)
            yield from _check_concern(call, index, turn)

    exchanges = len(call.customer_turns())
    fewest = MIN_EXCHANGES_HUNG_UP if call.outcome is Outcome.HUNG_UP else MIN_EXCHANGES
    if not fewest <= exchanges <= MAX_EXCHANGES:
        message = (
            f"{exchanges} exchanges, expected {fewest} to {MAX_EXCHANGES} for {call.outcome!r}"
        )
        yield GroupProblem("exchanges", message, call.id)


def _check_ending(
    call: RecordedCall, index: int, turn: Turn, taxonomy: Taxonomy
) -> Iterator[GroupProblem]:
    """Yield the contradictions of a turn's stage to the call's outcome or the turn's position."""
    if turn.stage is None:
        return

    last = len(call.turns) - 1
    kind = taxonomy.customer[turn.stage].kind
    expected = ENDING_KINDS.get(call.outcome, kind)
    if index == last and kind != expected:
        message = (
            f"{call.outcome!r}, but the last stage {turn.stage!r} is of kind {kind!r}, "
            f"expected {expected!r}"
        )
        yield GroupProblem("ending", message, call.id)
    if index != last and kind in FINAL_KINDS:
        message = (
            f"turn {index} of {last} is {turn.stage!r}, of kind {kind!r}: "
            "a turn of this kind must be the last"
        )
        yield GroupProblem("ending", message, call.id)


def _check_concern(call: RecordedCall, index: int, turn: Turn) -> Iterator[GroupProblem]:
    """Yield the concern of a turn if the customer's profile lacks it."""
    if turn.stage is None or turn.concern is None or turn.concern in call.profile.concerns:
        return

    concerns = ", ".join(call.profile.concerns)
    message = f"turn {index} is about {turn.concern!r}, which the profile lacks (it has {concerns})"
    yield GroupProblem("concern", message, call.id)


def _check_coverage(group: Group) -> Iterator[GroupProblem]:
    """Yield the customer stages and the archetypes that no call shows."""
    turns = chain.from_iterable(call.customer_turns() for call in group.calls)
    stages = {turn.stage for turn in turns}
    for name in group.taxonomy.customer:
        if name not in stages:
            yield GroupProblem("stage_unused", f"no customer turn is of stage {name!r}")

    archetypes = {call.profile.archetype for call in group.calls}
    for name in group.config.archetypes:
        if name not in archetypes:
            yield GroupProblem("archetype_empty", f"no call is by a customer of archetype {name!r}")


def _near_duplicates(group: Group, encoder: Encoder) -> Iterator[GroupProblem]:
    """Yield pairs of customer turns that say nearly the same in six words or more."""
    turns: list[tuple[str, str]] = []
    for call in group.calls:
        texts = [turn.text for turn in call.customer_turns()]
        turns += [(call.id, text) for text in texts if len(text.split()) >= MIN_DUPLICATE_WORDS]
    if not turns:
        return

    vectors = embed_cached([text for _, text in turns], encoder)
    for first, second, similarity in _pairs_above(vectors, DUPLICATE_SIMILARITY):
        (call_id, text), (other_id, other_text) = turns[first], turns[second]
        location = "in the same call" if other_id == call_id else f"in {other_id!r}"
        message = f"{text!r} has similarity {similarity:.3f} to {other_text!r} {location}"
        yield GroupProblem("near_duplicate", message, call_id)


def _pairs_above(
    vectors: NDArray[np.float32], threshold: float
) -> Iterator[tuple[int, int, float]]:
    """Yield each pair of rows with an inner product above ``threshold``, and the product."""
    for start in range(0, len(vectors), BLOCK_ROWS):
        similarities = np.triu(vectors[start : start + BLOCK_ROWS] @ vectors[start:].T, k=1)
        for row, column in np.argwhere(similarities > threshold):
            yield start + int(row), start + int(column), float(similarities[row, column])
