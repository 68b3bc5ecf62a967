"""Step 1 of a group build: read the source, mask personal data, drop duplicate dialogues."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Self

from gsim_env.corpus.mapping import FieldMapping
from gsim_env.corpus.masking import mask_dialogue
from gsim_env.corpus.readers import CorpusReader, MalformedRow, guess_mapping
from gsim_env.corpus.settings import BuildSettings
from gsim_env.dialogue import Dialogue, Turn
from gsim_env.errors import ConfigurationError, CorpusError
from gsim_env.sop import Taxonomy
from gsim_env.util.files import write_atomically, write_jsonl
from gsim_env.util.progress import ProgressCallback

__all__ = ["ReadCounts", "read_source"]

CHUNK = 32
"""Dialogues per chunk: the most that an interruption can lose."""


@dataclass(frozen=True)
class ReadCounts:
    """What step 1 read, repaired, masked and left out.

    Attributes:
        dialogues: Well-formed dialogues, duplicates included.
        duplicates: Dialogues left out because an earlier one has the same words.
        malformed: Rows left out, with line and reason.
        repairs: Number of repairs by kind.
        masked: Number of placeholders by kind.
    """

    dialogues: int
    duplicates: int
    malformed: list[MalformedRow]
    repairs: dict[str, int]
    masked: dict[str, int]

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read the counts from ``read.json`` or from a build report."""
        fields = json.loads(file.read_text(encoding="utf-8"))
        malformed = [MalformedRow(**row) for row in fields["malformed"]]
        return cls(
            fields["dialogues"],
            fields["duplicates"],
            malformed,
            fields["repairs"],
            fields["masked"],
        )


class SourceDialogues:
    """The dialogues of a source, masked and without duplicates; counts while it is iterated.

    Attributes:
        total: Well-formed dialogues so far.
        duplicates: Duplicates so far.
        masked: Placeholders so far, by kind.
    """

    def __init__(self, settings: BuildSettings) -> None:
        """Open the source with the given mapping, or a guessed one."""
        mapping = (
            FieldMapping.load(settings.mapping)
            if settings.mapping
            else guess_mapping(settings.source)
        )

        self.reader = CorpusReader(settings.source, mapping, settings.on_error)
        self.total = 0
        self.duplicates = 0
        self.masked: Counter[str] = Counter()
        self._settings = settings
        self._fingerprints: set[bytes] = set()

    def __iter__(self) -> Iterator[Dialogue]:
        """Yield the dialogues to annotate, in the order of the source."""
        for dialogue in self.reader:
            self.total += 1
            hash_of_words = fingerprint(dialogue)
            if hash_of_words in self._fingerprints:
                self.duplicates += 1
                continue

            self._fingerprints.add(hash_of_words)
            masked_dialogue, placeholders = mask_dialogue(self._with_legal_labels(dialogue))
            self.masked.update(placeholders)
            yield masked_dialogue

    def counts(self) -> ReadCounts:
        """Return the counts of a completed iteration."""
        return ReadCounts(
            self.total,
            self.duplicates,
            self.reader.malformed,
            dict(self.reader.repairs),
            dict(self.masked),
        )

    def _with_legal_labels(self, dialogue: Dialogue) -> Dialogue:
        """Return the dialogue without labels if they are ignored, else with its labels checked."""
        if self._settings.ignore_labels:
            return without_labels(dialogue)
        check_labels(dialogue, self._settings.template_group.taxonomy, self._settings.source)
        return dialogue


def read_source(settings: BuildSettings, progress: ProgressCallback) -> ReadCounts:
    """Write the source's dialogues in chunks and return the counts.

    Raises:
        CorpusError: if the source is malformed or empty, or is labeled with stages or concerns that
            the template does not have.
    """
    finished = settings.work / "read.json"
    if finished.is_file():
        counts = ReadCounts.load(finished)
        progress("read", counts.dialogues, counts.dialogues)
        return counts

    source = SourceDialogues(settings)
    folder = settings.work / "dialogues"
    folder.mkdir(exist_ok=True)
    dialogues = iter(source)
    number = 0
    while chunk := list(islice(dialogues, CHUNK)):
        write_jsonl(folder / f"{number:06d}.jsonl", (row.model_dump_json() for row in chunk))
        number += 1
        progress("read", source.total, None)

    counts = source.counts()
    if not number:
        raise CorpusError(
            f"{settings.source} holds no dialogue ({len(counts.malformed)} malformed rows)."
        )
    write_atomically(finished, json.dumps(asdict(counts)))
    progress("read", counts.dialogues, counts.dialogues)
    return counts


def check_labels(dialogue: Dialogue, taxonomy: Taxonomy, source: Path) -> None:
    """Check the stages and concerns of a dialogue.

    Raises:
        CorpusError: if one is not in the taxonomy.
    """
    for turn in dialogue.turns:
        try:
            taxonomy.check(turn.role, turn.stage, turn.concern)
        except ConfigurationError as error:
            raise CorpusError(
                f"{source} labels dialogue {dialogue.id!r} by another taxonomy than the "
                f"template's. {error} Give a --mapping that translates its labels, or "
                "--ignore-labels."
            ) from error


def without_labels(dialogue: Dialogue) -> Dialogue:
    """Return a dialogue without stages and concerns."""
    no_labels = {"stage": None, "concern": None}
    turns = tuple(turn.model_copy(update=no_labels) for turn in dialogue.turns)
    return dialogue.model_copy(update={"turns": turns})


def fingerprint(dialogue: Dialogue) -> bytes:
    """Return a hash of who says which words: case, spaces and punctuation are ignored."""
    words = "\n".join(_letters_and_digits(turn) for turn in dialogue.turns)
    return hashlib.sha256(words.encode()).digest()[:16]


def _letters_and_digits(turn: Turn) -> str:
    return turn.role + "".join(letter for letter in turn.text.lower() if letter.isalnum())
