"""One row as a dialogue of this project.

Sales first, turns alternating, plain text; what had to be changed is counted.
"""

import reprlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from gsim_env.corpus.mapping import FieldMapping, find, labels
from gsim_env.corpus.raw_records import RawRow
from gsim_env.dialogue import Dialogue, Role, Turn

__all__ = ["MalformedError", "check_new", "dialogue_of", "reason"]

SILENCE = "..."
"""A salesperson who says nothing.

As ``gsim_env.simulation.prompts.SILENCE``, for corpora do not import simulation.
"""


class MalformedError(Exception):
    """The row is no dialogue; ``line`` where that is another than the row's own."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.line = line


def reason(error: MalformedError | ValidationError) -> str:
    """Return why a row is malformed, in one line."""
    if isinstance(error, ValidationError):
        return "; ".join(
            f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" for detail in error.errors()
        )
    return str(error)


def check_new(name: str, lines: Mapping[str, int]) -> None:
    """Raise a MalformedError if there is a dialogue of this name already.

    ``lines`` are those of the names so far.
    """
    if name in lines:
        raise MalformedError(f"the id {name!r} stands twice; the first time on line {lines[name]}")


def dialogue_of(
    row: RawRow, mapping: FieldMapping, default_id: str
) -> tuple[Dialogue, Counter[str]]:
    """Return the dialogue that a row holds, and how often what was repaired.

    Raises:
        MalformedError: if it holds none.
        ValidationError: if its text is not Unicode.
    """
    if row.problem is not None:
        raise MalformedError(row.problem)
    repairs: Counter[str] = Counter()
    turns = _turns(row, mapping, repairs)
    if not any(turn.role == "customer" for turn in turns):
        raise MalformedError(
            f"the customer says nothing: {len(turns)} turn(s) with text, none of them the customer's"
        )
    if turns[0].role == "customer":
        repairs["added_silence"] += 1
        turns.insert(0, Turn(role="sales", text=SILENCE))
    name = labels(find(row.content, mapping.id)) or [row.key or default_id]
    ending = find(row.content, mapping.outcome)
    outcome = mapping.outcome_of(next(iter(labels(ending)), None))
    repairs["unmapped_outcomes"] += outcome is None and ending not in (None, "")
    said = {attribute: find(row.content, path) for attribute, path in mapping.attributes.items()}
    repairs["unreadable_attributes"] += sum(isinstance(value, dict) for value in said.values())
    attributes = {
        attribute: ", ".join(known) for attribute, value in said.items() if (known := labels(value))
    }
    return Dialogue(
        id=name[0], turns=tuple(turns), outcome=outcome, attributes=attributes
    ), +repairs


def _turns(row: RawRow, mapping: FieldMapping, repairs: Counter[str]) -> list[Turn]:
    given = find(row.content, mapping.turns)
    if not isinstance(given, list):
        there = (
            ", ".join(map(str, row.content))
            if isinstance(row.content, dict)
            else reprlib.repr(row.content)
        )
        raise MalformedError(
            f"no list of turns at {mapping.turns!r}, where the mapping {mapping.name!r} says; the row has: {there}"
        )
    turns: list[Turn] = []
    for index, content in enumerate(given):
        try:
            turn = _turn(content, mapping, repairs)
        except (MalformedError, ValidationError) as error:
            line = row.turn_lines[index] if row.turn_lines else row.line
            raise MalformedError(f"turn {index + 1}: {reason(error)}", line) from error
        if turn is None:
            continue
        if turns and turns[-1].role == turn.role:
            repairs["merged_turns"] += 1
            turn = _merged(turns.pop(), turn)
        turns.append(turn)
    return turns


def _turn(content: Any, mapping: FieldMapping, repairs: Counter[str]) -> Turn | None:
    if not isinstance(content, dict):
        raise MalformedError(f"expected an object, got {reprlib.repr(content)}")
    label = next(iter(labels(find(content, mapping.role))), None)
    if label in mapping.skipped:
        repairs["skipped_messages"] += 1
        return None
    role = mapping.role_of(label)
    if role is None:
        legal = ", ".join(
            f"{theirs} ({ours})" for ours, names in mapping.roles.items() for theirs in names
        )
        raise MalformedError(
            f"unknown role {reprlib.repr(label)} at {mapping.role!r}; the mapping {mapping.name!r} knows: {legal}"
        )
    text = find(content, mapping.text)
    if not isinstance(text, str):
        raise MalformedError(f"expected text at {mapping.text!r}, got {reprlib.repr(text)}")
    collapsed = " ".join(text.split())
    if not collapsed:
        repairs["dropped_empty_turns"] += 1
        return None
    repairs["collapsed_whitespace"] += collapsed != text
    return Turn(
        role=role,
        text=collapsed,
        stage=_stage(role, content, mapping, repairs),
        concern=_concern(content, mapping),
    )


def _stage(role: Role, content: Any, mapping: FieldMapping, repairs: Counter[str]) -> str | None:
    given = labels(find(content, mapping.stage))
    stage = mapping.stage_of(role, given)
    repairs["unmapped_stages"] += stage is None and bool(given)
    return stage


def _concern(content: Any, mapping: FieldMapping) -> str | None:
    return next(reversed(labels(find(content, mapping.concern))), None)


def _merged(first: Turn, second: Turn) -> Turn:
    """Two turns of one role as one; of labels the later one counts, as it does within a turn."""
    return Turn(
        role=first.role,
        text=f"{first.text} {second.text}",
        stage=second.stage or first.stage,
        concern=second.concern or first.concern,
    )
