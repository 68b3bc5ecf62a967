"""From raw dialogues to a group (section 3.1): read, annotate, assemble.

Killed at any point, it goes on where it was.

Everything on the way is a file under ``OUT/.build``, written whole or not at all, a chunk of
dialogues each: what is there is not done again, and memory does not grow with the corpus. A chunk
depends on nothing but itself and the labeled dialogues at the corpus's beginning, so chunks may be
done in any order, by any number of workers (:mod:`gsim_env.corpus.executors`).
"""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import Any

from gsim_env.corpus.mapping import FieldMapping
from gsim_env.corpus.masking import mask_dialogue
from gsim_env.corpus.readers import CorpusReader, guess_mapping
from gsim_env.dialogue import Dialogue, Turn
from gsim_env.errors import ConfigurationError, CorpusError
from gsim_env.groups import Group
from gsim_env.groups.bundle import find_template
from gsim_env.models import ModelSpec

__all__ = ["REPORT", "Build", "Progress", "clean_up", "read", "stored", "write_whole"]

REPORT = "build.json"
"""What a build did: counts, rows, hashes. With it, and without the steps, a group is complete."""

FINISHED = ".build-finished"

CHUNK = 32
"""Dialogues of one chunk: what a crash can cost."""

Progress = Callable[[str, int, int | None], None]
"""Is told the step, how much of it is done, and of how much (``None``: not known)."""


@dataclass(frozen=True)
class Build:
    """What is built, and how.

    Attributes:
        source: The raw dialogues.
        template: A built-in template or group, or a folder of a user's own: brief, taxonomy,
            archetypes, prompts.
        out: The folder that becomes the group.
        mapping: Where in a row things are: a built-in mapping or a YAML file; ``None`` to guess
            from the file.
        annotator: ``"classifier"`` (learns from the labels in the source and the taxonomy's
            phrases), or a backend.
        extractor: ``"style"`` (statistics and verbatim spans), or a backend, which must show
            evidence.
        encoder: phi.
        held_out: Share of the customers who are kept out of the group and of training, in [0, 1).
        on_error: ``"raise"``, or ``"skip"`` to count malformed rows and go on.
        ignore_labels: Leave out the stages and concerns that the source names.
    """

    source: Path
    template: str
    out: Path
    mapping: str | None = None
    annotator: ModelSpec = "classifier"
    extractor: ModelSpec = "style"
    encoder: str = "minilm"
    held_out: float = 0.2
    on_error: str = "raise"
    ignore_labels: bool = False
    group: Group = field(init=False)

    def __post_init__(self) -> None:
        """Read the template.

        Raises:
            ConfigurationError: if the source or the template is not there, or a share is not legal.
        """
        if not self.source.is_file():
            raise ConfigurationError(f"There is no file {self.source}.")
        if not 0.0 <= self.held_out < 1.0:
            raise ConfigurationError(f"held_out must be in [0, 1), got {self.held_out}.")
        object.__setattr__(self, "group", Group.load_template(find_template(self.template)))

    @property
    def work(self) -> Path:
        """Where the steps leave what they have done."""
        return self.out / ".build"

    @cached_property
    def key(self) -> str:
        """Identifies what the chunks depend on: source, template and options."""
        digest = hashlib.sha256(self.group.digest.encode())
        with self.source.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
        models = [named(self.annotator), named(self.extractor), self.encoder]
        options = [self.mapping, *models, self.on_error, self.ignore_labels]
        digest.update(json.dumps(options).encode())
        return digest.hexdigest()

    def begin(self) -> bool:
        """Make the folder; return whether there is anything left to do.

        Raises:
            ConfigurationError: if it holds something else, or a build of something else.
        """
        shutil.rmtree(self.out / FINISHED, ignore_errors=True)
        report = self.out / REPORT
        if (
            report.is_file()
            and not self.work.is_dir()
            and json.loads(report.read_text()).get("key") == self.key
        ):
            return False
        begun = self.work / "key"
        if self.work.is_dir() and not (self.work / "read.json").is_file():
            shutil.rmtree(self.work)  # nothing is lost: not even the source has been read
        if begun.is_file() and begun.read_text() != self.key:
            raise ConfigurationError(
                f"{self.out} holds an unfinished build of another source, template or options. Delete it, or give another "
                "--out."
            )
        if self.out.is_dir() and any(self.out.iterdir()) and not begun.is_file():
            raise ConfigurationError(f"{self.out} is not empty. Delete it, or give another --out.")
        self.work.mkdir(parents=True, exist_ok=True)
        write_whole(begun, self.key)
        return True

    def chunks(self, step: str) -> list[Path]:
        """Return the chunks that a step has done, in order."""
        return sorted((self.work / step).glob("*.jsonl"))


def read(build: Build, progress: Progress) -> dict[str, Any]:
    """Step 1.

    Read the source, mask personal data, leave out dialogues that stand twice; return the counts.

    Raises:
        CorpusError: if the source is malformed, empty, or labeled with stages or concerns that the
            template does not have.
    """
    done = build.work / "read.json"
    if done.is_file():
        counts: dict[str, Any] = json.loads(done.read_text())
        return counts
    mapping = FieldMapping.load(build.mapping) if build.mapping else guess_mapping(build.source)
    reader = CorpusReader(build.source, mapping, build.on_error)
    masked: Counter[str] = Counter()
    seen: set[bytes] = set()
    total = duplicates = 0

    def kept() -> Iterator[Dialogue]:
        nonlocal total, duplicates
        for dialogue in reader:
            total += 1
            fingerprint = hashlib.sha256(
                "\n".join(normal(turn) for turn in dialogue.turns).encode()
            ).digest()[:16]
            if fingerprint in seen:
                duplicates += 1
                continue
            seen.add(fingerprint)
            clean, found = mask_dialogue(relabelled(dialogue, build))
            masked.update(found)
            yield clean

    dialogues = kept()
    (build.work / "dialogues").mkdir(exist_ok=True)
    number = 0
    while batch := list(islice(dialogues, CHUNK)):
        write_whole(
            build.work / "dialogues" / f"{number:06d}.jsonl",
            *(row.model_dump_json() for row in batch),
        )
        number += 1
        progress("read", total, None)
    if not number:
        raise CorpusError(
            f"{build.source} holds no dialogue ({len(reader.malformed)} malformed rows)."
        )
    counts = {
        "dialogues": total,
        "duplicates": duplicates,
        "malformed": [asdict(row) for row in reader.malformed],
        "repairs": dict(reader.repairs),
        "masked": dict(masked),
    }
    write_whole(done, json.dumps(counts))
    return counts


def relabelled(dialogue: Dialogue, build: Build) -> Dialogue:
    """Return a dialogue with the labels that a build takes from its source.

    All, once they are checked, or none.
    """
    if build.ignore_labels:
        turns = tuple(
            turn.model_copy(update={"stage": None, "concern": None}) for turn in dialogue.turns
        )
        return dialogue.model_copy(update={"turns": turns})
    taxonomy = build.group.taxonomy
    for turn in dialogue.turns:
        try:
            taxonomy.check(turn.role, turn.stage, turn.concern)
        except ConfigurationError as error:
            raise CorpusError(
                f"{build.source} labels dialogue {dialogue.id!r} by another taxonomy than the template's. {error} Give a "
                "--mapping that turns its labels into these, or --ignore-labels."
            ) from error
    return dialogue


def named(spec: ModelSpec) -> Any:
    """Return what identifies a backend in a key: its settings but for secrets."""
    return (
        spec
        if isinstance(spec, str)
        else {key: value for key, value in spec.items() if key != "api_key"}
    )


def normal(turn: Turn) -> str:
    """Return a turn's words as they are compared.

    Who spoke, lower case, letters and digits only.
    """
    return turn.role + "".join(letter for letter in turn.text.lower() if letter.isalnum())


def stored(model: type[Any], files: list[Path]) -> Iterator[Any]:
    """Yield the rows of chunks, one file in memory at a time."""
    return chain.from_iterable(
        [model.model_validate_json(line) for line in file.read_text(encoding="utf-8").splitlines()]
        for file in files
    )


def write_whole(file: Path, *lines: str) -> None:
    """Write lines to a file so that it is there with all of them or not at all."""
    partial = file.with_suffix(".partial")
    partial.write_text(
        "\n".join(lines) + ("\n" if len(lines) > 1 or file.suffix == ".jsonl" else ""),
        encoding="utf-8",
    )
    partial.replace(file)


def clean_up(build: Build) -> None:
    """Forget the steps: the group stands."""
    finished = build.work.rename(build.out / FINISHED)  # at once; removing it takes a while
    shutil.rmtree(finished)
