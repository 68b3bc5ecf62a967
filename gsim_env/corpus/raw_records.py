"""Raw records: the dialogues of a JSONL, JSON or CSV file as plain data with line numbers."""

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from gsim_env.corpus.mapping import FieldMapping, find, labels
from gsim_env.errors import CorpusError

__all__ = ["RawRecord", "raw_records"]


@dataclass(frozen=True, slots=True)
class RawRecord:
    """The raw data of one dialogue.

    Attributes:
        line: The line where it begins, from 1; in a single JSON document, the number of the
            dialogue.
        content: The decoded JSON value; for CSV, the columns, with the lines as ``turns``.
        key: Its key, if a JSON document has its dialogues by id.
        turn_lines: The line of each turn, if they differ from ``line``.
        problem: Why there is no content, or ``None``.
    """

    line: int
    content: Any = None
    key: str | None = None
    turn_lines: tuple[int, ...] = ()
    problem: str | None = None


def raw_records(path: Path, mapping: FieldMapping) -> Iterator[RawRecord]:
    """Yield the records of a file in order.

    JSONL and CSV files are read line by line; a single JSON document is read whole.

    Raises:
        CorpusError: if the file cannot be read, or the mapping does not fit it at all.
    """
    try:
        if mapping.container == "csv":
            yield from _group_csv_lines(_csv_lines(path, mapping), mapping)
        elif mapping.container == "json":
            yield from _json_document(path, mapping)
        else:
            yield from _json_lines(path)
    except OSError as error:
        raise CorpusError(f"{path}: {error}") from error


def _json_lines(path: Path) -> Iterator[RawRecord]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield _decode(line, number)


def _decode(text: bytes, line: int) -> RawRecord:
    try:
        return RawRecord(line, json.loads(text))
    except json.JSONDecodeError as error:
        problem = f"bad JSON: {error.msg} at column {error.colno}"
        return RawRecord(line + error.lineno - 1, problem=problem)
    except (ValueError, RecursionError) as error:
        return RawRecord(line, problem=f"bad JSON: {error}")


def _json_document(path: Path, mapping: FieldMapping) -> Iterator[RawRecord]:
    document = _decode(path.read_bytes(), 1)
    if document.problem is not None:
        yield document
        return

    content = document.content
    dialogues = content if mapping.dialogues is None else find(content, mapping.dialogues)
    pairs: Iterable[tuple[str | None, Any]]
    if isinstance(dialogues, dict):
        pairs = dialogues.items()
    elif isinstance(dialogues, list):
        pairs = ((None, dialogue) for dialogue in dialogues)
    else:
        fields = sorted(content) if isinstance(content, dict) else type(content).__name__
        raise CorpusError(
            f"{path}: no dialogues at {mapping.dialogues!r}, where the mapping {mapping.name!r} "
            f"expects them; the document holds: {fields}. Name a mapping with the path of an array "
            "of dialogues, or of an object of dialogues by id, as `dialogues`."
        )

    for number, (key, dialogue) in enumerate(pairs, start=1):
        yield RawRecord(number, dialogue, key)


def _csv_lines(path: Path, mapping: FieldMapping) -> Iterator[RawRecord]:
    """Yield a record per line, with its cells by column."""
    # Bytes that are not UTF-8 become lone surrogates, which no Turn accepts: the line is reported
    # as malformed, and the file is read on.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file, strict=True)
        header = _csv_header(path, reader, mapping)

        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield RawRecord(line, problem=f"bad CSV: {error}")
                continue
            if cells:
                yield _csv_line(line, header, cells, mapping)


def _csv_header(path: Path, reader: Iterator[list[str]], mapping: FieldMapping) -> list[str]:
    try:
        header = [column.strip() for column in next(reader, [])]
    except csv.Error as error:
        raise CorpusError(f"{path}, line 1: bad CSV: {error}") from error

    needed = (mapping.id, mapping.role, mapping.text)
    missing = [column for column in needed if column not in header]
    if missing:
        raise CorpusError(
            f"{path}, line 1: no column {', '.join(map(repr, missing))}, which the mapping "
            f"{mapping.name!r} needs; the columns are: {', '.join(header) or 'none'}. Rename a "
            "column, or name a mapping with these columns."
        )
    return header


def _csv_line(line: int, header: list[str], cells: list[str], mapping: FieldMapping) -> RawRecord:
    if len(cells) != len(header):
        return RawRecord(line, problem=f"{len(cells)} cells under {len(header)} columns")

    row = dict(zip(header, cells, strict=True))
    problem = None if labels(find(row, mapping.id)) else f"nothing under {mapping.id!r}"
    return RawRecord(line, row, problem=problem)


def _group_csv_lines(lines: Iterator[RawRecord], mapping: FieldMapping) -> Iterator[RawRecord]:
    """Group consecutive lines with one id; a broken line belongs to the dialogue it interrupts."""
    current: list[str] = []

    def dialogue_id(line: RawRecord) -> list[str]:
        nonlocal current
        if not line.problem:
            current = labels(find(line.content, mapping.id))
        return current

    for _, group in groupby(lines, key=dialogue_id):
        yield _csv_dialogue(list(group), mapping)


def _csv_dialogue(lines: list[RawRecord], mapping: FieldMapping) -> RawRecord:
    for line in lines:
        if line.problem:
            return line

    # A column of the dialogue has the first cell that is not empty.
    columns: dict[str, Any] = {}
    for line in lines:
        for name, cell in line.content.items():
            if cell.strip() and not columns.get(name):
                columns[name] = cell
    columns[mapping.turns] = [line.content for line in lines]
    return RawRecord(lines[0].line, columns, turn_lines=tuple(line.line for line in lines))
