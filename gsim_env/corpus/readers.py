"""Reading corpora.

Any file that a :class:`FieldMapping` describes, as dialogues, without losing anything silently.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gsim_env.corpus.mapping import FieldMapping, builtin_mappings
from gsim_env.corpus.normalize import MalformedError, check_new, dialogue_of, reason
from gsim_env.corpus.raw_records import raw_rows
from gsim_env.dialogue import Dialogue
from gsim_env.errors import ConfigurationError, CorpusError, unknown

__all__ = ["CorpusReader", "MalformedRow", "guess_mapping"]

SHAPES = {
    "chat": ("messages", "role", "content"),
    "sharegpt": ("conversations", "from", "value"),
    "gsim": ("turns", "role", "text"),
}
"""What a row is recognized by: the field of its turns, and two fields of the first one."""

SOURCES = {"PersuasionForGood": "p4g", "CaSiNo": "casino"}
"""Corpora of the ``gsim`` shape with a mapping of their own, by their rows' ``source``."""

LOOKED_AT = 10
"""So many rows are looked at for a shape: the first ones may be broken."""


@dataclass(frozen=True, slots=True)
class MalformedRow:
    """A row that is no dialogue.

    Its line, from 1 (in a single JSON document, which dialogue it is), and why.
    """

    line: int
    reason: str


class CorpusReader:
    """The dialogues of a file, in its order; iterate as often as wanted.

    JSONL and CSV are read line by line: memory holds one dialogue and the ids seen. A single JSON
    document is read whole.

    Consecutive turns of one role are merged, whitespace is collapsed, empty turns and skipped roles
    are left out, a silence goes before a customer who speaks first, and a dialogue without an id
    gets ``<file stem>-<line>``.

    Args:
        path: The file.
        mapping: Where things are in it.
        on_error: At a malformed row, ``"raise"``, or ``"skip"`` it and go on.

    Attributes:
        malformed: The malformed rows that the latest pass has met.
        repairs: What the latest pass has changed or left out in the dialogues that it yielded, and
            how often.

    Raises:
        ConfigurationError: if ``on_error`` is not legal.
    """

    def __init__(self, path: str | Path, mapping: FieldMapping, on_error: str = "raise") -> None:
        if on_error not in ("raise", "skip"):
            raise unknown("on_error", on_error, ("raise", "skip"))
        self.path = Path(path).expanduser()
        self.mapping = mapping
        self.on_error = on_error
        self.malformed: list[MalformedRow] = []
        self.repairs: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Dialogue]:
        """Start a pass.

        Yields:
            The dialogues.

        Raises:
            CorpusError: naming file, line and reason, at the first malformed row under ``"raise"``;
                in any case, if the file cannot be read or the mapping does not fit it at all.
        """
        malformed: list[MalformedRow] = []
        repairs: Counter[str] = Counter()
        self.malformed, self.repairs = malformed, repairs
        lines: dict[str, int] = {}
        for row in raw_rows(self.path, self.mapping):
            try:
                dialogue, repaired = dialogue_of(row, self.mapping, f"{self.path.stem}-{row.line}")
                check_new(dialogue.id, lines)
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
    """Return the built-in mapping that fits a file, by its extension and its first rows.

    A file of one JSON document is read whole.

    Raises:
        ConfigurationError: if none does.
        CorpusError: if the file cannot be read.
    """
    path = Path(path).expanduser()
    if path.suffix.lower() == ".csv":
        return FieldMapping.load("csv")
    seen: dict[str, None] = {}
    for container in (FieldMapping(container="jsonl"), FieldMapping(container="json")):
        for row in islice(raw_rows(path, container), LOOKED_AT):
            name = _recognized(row.content)
            if name is not None:
                return FieldMapping.load(name).model_copy(update={"container": container.container})
            seen |= dict.fromkeys(row.content if isinstance(row.content, dict) else ())
    raise ConfigurationError(
        f"{path}: no built-in mapping fits its first rows (fields: {', '.join(seen) or 'none readable'}). Name one of "
        f"{', '.join(builtin_mappings())}, or a YAML file of your own (see gsim_env/corpus/mappings)."
    )


def _recognized(row: Any) -> str | None:
    if not isinstance(row, dict):
        return None
    for name, (turns, *fields) in SHAPES.items():
        match row.get(turns):
            case [dict() as first, *_] if all(field in first for field in fields):
                return SOURCES.get(str(row.get("source")), name) if name == "gsim" else name
    return None
