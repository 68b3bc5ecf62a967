"""Normalization of raw records to alternating turns, sales first; repairs are counted."""

import reprlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from gsim_env.corpus.mapping import FieldMapping, find, labels
from gsim_env.corpus.raw_records import RawRecord
from gsim_env.dialogue import Dialogue, Role, Turn

__all__ = ["MalformedError", "check_unique", "dialogue_of", "reason"]

SILENCE = "..."
"""The turn of a salesperson who says nothing.

Equals ``gsim_env.simulation.prompts.SILENCE``, which readers of corpora need not import.
"""


class MalformedError(Exception):
    """A record is not a dialogue.

    Attributes:
        line: The line of the problem, if it differs from the record's.
    """

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.line = line


def reason(error: MalformedError | ValidationError) -> str:
    """Return why a record is malformed, in one line."""
    if isinstance(error, MalformedError):
        return str(error)

    details = error.errors()
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in details)


def check_unique(dialogue_id: str, lines: Mapping[str, int]) -> None:
    """Check that a dialogue's id is new.

    Args:
        dialogue_id: The id.
        lines: The line of each earlier dialogue, by id.

    Raises:
        MalformedError: if it is not.
    """
    if dialogue_id in lines:
        raise MalformedError(
            f"duplicate id {dialogue_id!r}; first used on line {lines[dialogue_id]}"
        )


def dialogue_of(
    record: RawRecord, mapping: FieldMapping, default_id: str
) -> tuple[Dialogue, Counter[str]]:
    """Return the dialogue of a record, and the number of repairs by kind.

    Raises:
        MalformedError: if the record is not a dialogue.
        ValidationError: if its text is not Unicode.
    """
    if record.problem is not None:
        raise MalformedError(record.problem)

    repairs: Counter[str] = Counter()
    turns = _turns(record, mapping, repairs)
    if not any(turn.role == "customer" for turn in turns):
        raise MalformedError(
            f"the customer says nothing: {len(turns)} turn(s) with text, none of them the "
            "customer's"
        )
    if turns[0].role == "customer":
        repairs["added_silence"] += 1
        turns.insert(0, Turn(role="sales", text=SILENCE))

    given_outcome = find(record.content, mapping.outcome)
    outcome = mapping.outcome_of(next(iter(labels(given_outcome)), None))
    repairs["unmapped_outcomes"] += outcome is None and given_outcome not in (None, "")

    ids = labels(find(record.content, mapping.id)) or [record.key or default_id]
    attributes = _attributes(record, mapping, repairs)
    dialogue = Dialogue(id=ids[0], turns=tuple(turns), outcome=outcome, attributes=attributes)
    return dialogue, +repairs


def _attributes(record: RawRecord, mapping: FieldMapping, repairs: Counter[str]) -> dict[str, str]:
    attributes = {}
    for name, path in mapping.attributes.items():
        value = find(record.content, path)
        repairs["unreadable_attributes"] += isinstance(value, dict)
        if texts := labels(value):
            attributes[name] = ", ".join(texts)
    return attributes


def _turns(record: RawRecord, mapping: FieldMapping, repairs: Counter[str]) -> list[Turn]:
    contents = find(record.content, mapping.turns)
    if not isinstance(contents, list):
        fields = (
            ", ".join(map(str, record.content))
            if isinstance(record.content, dict)
            else reprlib.repr(record.content)
        )
        raise MalformedError(
            f"no list of turns at {mapping.turns!r}, where the mapping {mapping.name!r} expects "
            f"it; the row has: {fields}"
        )

    turns: list[Turn] = []
    for index, content in enumerate(contents):
        try:
            turn = _turn(content, mapping, repairs)
        except (MalformedError, ValidationError) as error:
            line = record.turn_lines[index] if record.turn_lines else record.line
            raise MalformedError(f"turn {index + 1}: {reason(error)}", line) from error
        if turn is None:
            continue

        if turns and turns[-1].role == turn.role:
            repairs["merged_turns"] += 1
            turn = _merge(turns.pop(), turn)
        turns.append(turn)
    return turns


def _turn(content: Any, mapping: FieldMapping, repairs: Counter[str]) -> Turn | None:
    """Return a turn, or ``None`` if it is skipped or empty."""
    if not isinstance(content, dict):
        raise MalformedError(f"expected an object, got {reprlib.repr(content)}")

    role_label = next(iter(labels(find(content, mapping.role))), None)
    if role_label in mapping.skipped:
        repairs["skipped_messages"] += 1
        return None

    role = _role(role_label, mapping)
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
        concern=next(reversed(labels(find(content, mapping.concern))), None),
    )


def _role(label: str | None, mapping: FieldMapping) -> Role:
    role = mapping.role_of(label)
    if role is not None:
        return role

    legal = []
    for name, source_labels in mapping.roles.items():
        legal += [f"{source_label} ({name})" for source_label in source_labels]
    raise MalformedError(
        f"unknown role {reprlib.repr(label)} at {mapping.role!r}; the mapping {mapping.name!r} "
        f"knows: {', '.join(legal)}"
    )


def _stage(role: Role, content: Any, mapping: FieldMapping, repairs: Counter[str]) -> str | None:
    stage_labels = labels(find(content, mapping.stage))
    stage = mapping.stage_of(role, stage_labels)
    repairs["unmapped_stages"] += stage is None and bool(stage_labels)
    return stage


def _merge(first: Turn, second: Turn) -> Turn:
    """Return two turns of one role as one; later labels win, as they do within a turn."""
    return Turn(
        role=first.role,
        text=f"{first.text} {second.text}",
        stage=second.stage or first.stage,
        concern=second.concern or first.concern,
    )
