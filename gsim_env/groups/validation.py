"""Whether a group's corpus is fit to simulate from.

Every check that loading alone does not make.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gsim_env.dialogue import Outcome
from gsim_env.errors import CorpusError
from gsim_env.groups.bundle import Group, find_group
from gsim_env.models import Encoder
from gsim_env.profiles import RecordedCall
from gsim_env.sop.index import embed_cached
from gsim_env.sop.taxonomy import ENDING_KINDS, CustomerKind, Taxonomy

__all__ = ["Finding", "check_group", "validate"]

FINAL: frozenset[CustomerKind] = frozenset({"accept", "hang_up"})
"""Stages after which nothing is said; a refusal can still be answered."""

FEWEST, FEWEST_HUNG_UP, MOST = 3, 2, 15
"""Exchanges of a call; only one that is hung up may be over after two."""

ALIKE = 0.95
"""Cosine similarity above which two customer turns are near-duplicates."""

LONG = 5
"""Only turns of more words than these can be near-duplicates: everybody says "Yeah?"."""

ROWS = 1024


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with a group.

    Attributes:
        check: The check that found it: ``loads``, ``ends_with_customer``, ``ending``,
            ``exchanges``, ``concern``, ``stage_unused``, ``archetype_empty`` or ``near_duplicate``.
        message: What was found, and what was expected.
        call: The id of the call it is in; ``None`` if it concerns the group.
    """

    check: str
    message: str
    call: str | None = None


def validate(group: str, encoder: Encoder) -> list[Finding]:
    """Load a group and check it.

    Args:
        group: A built-in group, or the path of a folder; read afresh, for it may have been edited.
        encoder: phi, for near-duplicates.

    Returns:
        What is wrong with it; empty if it is valid. A group that does not load has the one finding
        ``loads``.

    Raises:
        ConfigurationError: if there is no such group.
    """
    try:
        loaded = Group.load(find_group(group))
    except CorpusError as error:
        return [Finding("loads", str(error))]
    return check_group(loaded, encoder)


def check_group(group: Group, encoder: Encoder) -> list[Finding]:
    """Check a group that has been loaded; see :func:`validate`."""
    findings = [finding for call in group.calls for finding in check_call(call, group.taxonomy)]
    findings += check_cover(group)
    findings += near_duplicates(group, encoder)
    return findings


def check_call(call: RecordedCall, taxonomy: Taxonomy) -> Iterator[Finding]:
    """Yield what is wrong with one call. That its turns alternate, loading has made sure of."""
    last = len(call.turns) - 1
    if call.turns[last].role != "customer":
        yield Finding(
            "ends_with_customer", "the last turn is by 'sales', expected 'customer'", call.id
        )
    for index, turn in enumerate(call.turns):
        if turn.role != "customer" or turn.stage is None:
            continue
        kind = taxonomy.customer[turn.stage].kind
        expected = ENDING_KINDS.get(call.outcome, kind)
        if index == last and kind != expected:
            message = f"{call.outcome!r}, but the last stage {turn.stage!r} is of kind {kind!r}, expected {expected!r}"
            yield Finding("ending", message, call.id)
        if index != last and kind in FINAL:
            message = f"turn {index} of {last} is {turn.stage!r}, of kind {kind!r}: such a turn must be the last"
            yield Finding("ending", message, call.id)
        if turn.concern is not None and turn.concern not in call.profile.concerns:
            concerns = ", ".join(call.profile.concerns)
            message = f"turn {index} is about {turn.concern!r}, which the profile lacks (it has {concerns})"
            yield Finding("concern", message, call.id)
    exchanges = len(call.customer_turns())
    fewest = FEWEST_HUNG_UP if call.outcome is Outcome.HUNG_UP else FEWEST
    if not fewest <= exchanges <= MOST:
        message = f"{exchanges} exchanges, expected {fewest} to {MOST} for {call.outcome!r}"
        yield Finding("exchanges", message, call.id)


def check_cover(group: Group) -> Iterator[Finding]:
    """Yield the customer stages and the archetypes that no call shows."""
    stages = {turn.stage for call in group.calls for turn in call.customer_turns()}
    for name in group.taxonomy.customer:
        if name not in stages:
            yield Finding("stage_unused", f"no customer turn is of stage {name!r}")
    archetypes = {call.profile.archetype for call in group.calls}
    for name in group.config.archetypes:
        if name not in archetypes:
            yield Finding("archetype_empty", f"no call is by a customer of archetype {name!r}")


def near_duplicates(group: Group, encoder: Encoder) -> Iterator[Finding]:
    """Yield pairs of customer turns that say nearly the same in more than five words."""
    turns = [
        (call.id, turn.text)
        for call in group.calls
        for turn in call.customer_turns()
        if len(turn.text.split()) > LONG
    ]
    if not turns:
        return
    vectors = embed_cached([text for _, text in turns], encoder)
    for first, second, similarity in pairs_above(vectors, ALIKE):
        (call, text), (other, like) = turns[first], turns[second]
        where = "in the same call" if other == call else f"in {other!r}"
        yield Finding(
            "near_duplicate", f"{text!r} is {similarity:.3f} alike to {like!r} {where}", call
        )


def pairs_above(vectors: NDArray[np.float32], least: float) -> Iterator[tuple[int, int, float]]:
    """Yield each pair of rows whose inner product is above ``least``, in order.

    A block of rows at a time.
    """
    for start in range(0, len(vectors), ROWS):
        similarities = np.triu(vectors[start : start + ROWS] @ vectors[start:].T, k=1)
        for row, column in np.argwhere(similarities > least):
            yield start + int(row), start + int(column), float(similarities[row, column])
