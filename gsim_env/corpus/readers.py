"""Corpus readers: a file of dialogues, described by a field mapping; nothing is lost silently."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gsim_env.corpus.mapping import FieldMapping, builtin_mappings
from gsim_env.corpus.normalize import MalformedError, check_unique, dialogue_of, reason
from gsim_env.corpus.raw_records import raw_records
from gsim_env.dialogue import Dialogue
from gsim_env.errors import ConfigurationError, CorpusError, unknown_name_error

__all__ = ["CorpusReader", "MalformedRow", "guess_mapping"]

SHAPES = {
    "chat": ("messages", "role", "content"),
    "sharegpt": ("conversations", "from", "value"),
    "gsim": ("turns", "role", "text"),
}
"""A row is recognized by the field of its turns and two fields of its first turn."""

SOURCES = {"PersuasionForGood": "p4g", "CaSiNo": "casino"}
"""Mappings of corpora with the ``gsim`` shape, by the ``source`` of their rows."""

EXAMINED_ROWS = 10
"""Rows that are examined to recognize the shape: the first ones may be broken."""


@dataclass(frozen=True, slots=True)
class MalformedRow:
    """A row that is not a dialogue.

    Attributes:
        line: Its line, from 1; in a single JSON document, the number of the dialogue.
        reason: Why it is malformed.
    """

    line: int
    reason: str


class CorpusReader:
    """The dialogues of a file, in its order; may be iterated repeatedly.

    JSONL and CSV files are read line by line: memory holds one dialogue and the ids seen. A single
    JSON document is read whole.

    Consecutive turns of one role are merged, whitespace is collapsed, empty turns and skipped roles
    are dropped, a silence is added before a customer who speaks first, and a dialogue without an id
    gets ``<file stem>-<line>``.

    Args:
        path: The file.
        mapping: The field mapping.
        on_error: ``"raise"`` at a malformed row, or ``"skip"`` it.

    Attributes:
        malformed: The malformed rows of the latest iteration.
        repairs: The number of repairs of the latest iteration, by kind.

    Raises:
        ConfigurationError: if ``on_error`` is not legal.
    """

    def __init__(self, path: str | Path, mapping: FieldMapping, on_error: str = "raise") -> None:
        if on_error not in ("raise", "skip"):
            raise unknown_name_error("on_error", on_error, ("raise", "skip"))
        self.path = Path(path).expanduser()
        self.mapping = mapping
        self.on_error = on_error
        self.malformed: list[MalformedRow] = []
        self.repairs: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Dialogue]:
        """Read the file from the beginning.

        Yields:
            The dialogues.

        Raises:
            CorpusError: naming file, line and reason, at the first malformed row under ``"raise"``;
                always, if the file cannot be read or the mapping does not fit it at all.
        """
        malformed: list[MalformedRow] = []
        repairs: Counter[str] = Counter()
        self.malformed = malformed
        self.repairs = repairs
        lines: dict[str, int] = {}

        for row in raw_records(self.path, self.mapping):
            try:
                dialogue, repaired = dialogue_of(row, self.mapping, f"{self.path.stem}-{row.line}")
                check_unique(dialogue.id, lines)
            except (MalformedError, ValidationError) as error:
                line = error.line if isinstance(error, MalformedError) else None
                malformed.append(MalformedRow(line or row.line, reason(error)))
                if self.on_error == "raise":
                    raise CorpusError(
                        f"{self.path}, line {malformed[-1].line}: {malformed[-1].reason}"
                    ) from error
                continue

            lines[dialogue.id] = row.line
            repairs.update(repaired)
            yield dialogue


def guess_mapping(path: str | Path) -> FieldMapping:
    """Return the built-in mapping that fits a file, by its extension and first rows.

    A file of one JSON document is read whole.

    Raises:
        ConfigurationError: if no built-in mapping fits.
        CorpusError: if the file cannot be read.
    """
    path = Path(path).expanduser()
    if path.suffix.lower() == ".csv":
        return FieldMapping.load("csv")

    fields: dict[str, None] = {}
    for container in (FieldMapping(container="jsonl"), FieldMapping(container="json")):
        for row in islice(raw_records(path, container), EXAMINED_ROWS):
            name = _recognized(row.content)
            if name is not None:
                return FieldMapping.load(name).model_copy(update={"container": container.container})
            fields |= dict.fromkeys(row.content if isinstance(row.content, dict) else ())
    raise ConfigurationError(
        f"{path}: no built-in mapping fits its first rows (fields: "
        f"{', '.join(fields) or 'none readable'}). Name one of {', '.join(builtin_mappings())}, or "
        "write a YAML file (see gsim_env/corpus/mappings)."
    )


def _recognized(row: Any) -> str | None:
    if not isinstance(row, dict):
        return None
    for name, (turns, *fields) in SHAPES.items():
        match row.get(turns):
            case [dict() as first, *_] if all(field in first for field in fields):
                return SOURCES.get(str(row.get("source")), name) if name == "gsim" else name
    return None
