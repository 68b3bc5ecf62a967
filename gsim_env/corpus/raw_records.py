"""A file's dialogues as plain rows with their line numbers, whichever container they are in.

What is broken says so.
"""

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gsim_env.corpus.mapping import FieldMapping, find, labels
from gsim_env.errors import CorpusError

__all__ = ["RawRow", "raw_rows"]


@dataclass(frozen=True, slots=True)
class RawRow:
    """What one dialogue is made from.

    Attributes:
        line: Where it begins, from 1; in a single JSON document, which dialogue it is.
        content: The decoded JSON value; of a CSV, its columns, with the lines as ``turns``.
        key: Its key, where the dialogues of a JSON document stand by id.
        turn_lines: Where each turn stands, if not on ``line``.
        problem: Why there is no content.
    """

    line: int
    content: Any = None
    key: str | None = None
    turn_lines: tuple[int, ...] = ()
    problem: str | None = None


def raw_rows(path: Path, mapping: FieldMapping) -> Iterator[RawRow]:
    """Yield the rows of a file in order.

    JSONL and CSV line by line, a single JSON document after it is read whole.

    Raises:
        CorpusError: if the file cannot be read, or if the mapping does not fit it at all.
    """
    try:
        if mapping.container == "csv":
            yield from _dialogues(_csv_lines(path, mapping), mapping)
        elif mapping.container == "json":
            yield from _document(path, mapping)
        else:
            yield from _json_lines(path)
    except OSError as error:
        raise CorpusError(f"{path}: {error}") from error


def _json_lines(path: Path) -> Iterator[RawRow]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield _decoded(line, number)


def _decoded(text: bytes, line: int) -> RawRow:
    try:
        return RawRow(line, json.loads(text))
    except json.JSONDecodeError as error:
        return RawRow(
            line + error.lineno - 1, problem=f"bad JSON: {error.msg} at column {error.colno}"
        )
    except (ValueError, RecursionError) as error:
        return RawRow(line, problem=f"bad JSON: {error}")


def _document(path: Path, mapping: FieldMapping) -> Iterator[RawRow]:
    document = _decoded(path.read_bytes(), 1)
    if document.problem is not None:
        yield document
        return
    dialogues = (
        document.content if mapping.dialogues is None else find(document.content, mapping.dialogues)
    )
    if not isinstance(dialogues, (list, dict)):
        there = (
            sorted(document.content)
            if isinstance(document.content, dict)
            else type(document.content).__name__
        )
        raise CorpusError(
            f"{path}: no dialogues at {mapping.dialogues!r}, the place that the mapping {mapping.name!r} names; the document "
            f"holds: {there}. Name a mapping whose `dialogues` is the place of an array or of an object of dialogues by id."
        )
    pairs: Iterable[tuple[str | None, Any]] = (
        dialogues.items()
        if isinstance(dialogues, dict)
        else ((None, content) for content in dialogues)
    )
    for number, (key, content) in enumerate(pairs, start=1):
        yield RawRow(number, content, key)


def _csv_lines(path: Path, mapping: FieldMapping) -> Iterator[RawRow]:
    # Bytes that are not UTF-8 pass as lone surrogates, which no Turn takes: the line is reported instead of ending the file.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            header = [column.strip() for column in next(reader, [])]
        except csv.Error as error:
            raise CorpusError(f"{path}, line 1: bad CSV: {error}") from error
        missing = [
            column for column in (mapping.id, mapping.role, mapping.text) if column not in header
        ]
        if missing:
            raise CorpusError(
                f"{path}, line 1: no column {', '.join(map(repr, missing))}, which the mapping {mapping.name!r} needs; the "
                f"columns are: {', '.join(header) or 'none'}. Rename a column, or name a mapping with these columns."
            )
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield RawRow(line, problem=f"bad CSV: {error}")
                continue
            if cells and len(cells) != len(header):
                yield RawRow(line, problem=f"{len(cells)} cells under {len(header)} columns")
            elif cells:
                row = dict(zip(header, cells, strict=True))
                identified = bool(labels(find(row, mapping.id)))
                yield RawRow(
                    line, row, problem=None if identified else f"nothing under {mapping.id!r}"
                )


def _dialogues(lines: Iterator[RawRow], mapping: FieldMapping) -> Iterator[RawRow]:
    """Group consecutive lines of one id.

    A broken line belongs to the dialogue that it interrupts.
    """
    group: list[RawRow] = []
    current: list[str] = []
    for line in lines:
        key = current if line.problem else labels(find(line.content, mapping.id))
        if group and key != current:
            yield _dialogue(group, mapping)
            group = []
        group.append(line)
        current = key
    if group:
        yield _dialogue(group, mapping)


def _dialogue(lines: list[RawRow], mapping: FieldMapping) -> RawRow:
    broken = next((line for line in lines if line.problem), None)
    if broken is not None:
        return broken
    columns: dict[str, Any] = {}
    for line in lines:
        columns.update(
            {
                name: cell
                for name, cell in line.content.items()
                if cell.strip() and not columns.get(name)
            }
        )
    columns[mapping.turns] = [line.content for line in lines]
    return RawRow(lines[0].line, columns, turn_lines=tuple(line.line for line in lines))
