"""Files that survive interruptions: atomic writes, append-only JSONL, TOML as pydantic models."""

import hashlib
import os
import tomllib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from gsim_env.errors import CorpusError

__all__ = [
    "JsonlStore",
    "atomic_path",
    "load_toml_model",
    "sha256_file",
    "truncate_torn_line",
    "write_atomically",
    "write_jsonl",
]

M = TypeVar("M", bound=BaseModel)


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path that replaces ``path`` when the block ends without an error.

    Readers see the old content or the complete new one. The temporary file is in the same folder,
    with a name unique to process and thread, so concurrent writers do not mix.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}-{get_ident()}.partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_atomically(path: Path, content: str | bytes) -> None:
    """Replace a file's content atomically: an interruption leaves the old or the new content."""
    with atomic_path(path) as partial:
        partial.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)


def write_jsonl(path: Path, lines: Iterable[str]) -> None:
    """Write a JSONL file atomically; a newline is added to each line."""
    with atomic_path(path) as partial, partial.open("w", encoding="utf-8") as stream:
        stream.writelines(f"{line}\n" for line in lines)


def truncate_torn_line(path: Path) -> None:
    """Remove a file's incomplete last line (without newline), left by an interrupted process."""
    if not path.is_file():
        return

    content = path.read_bytes()
    complete = content.rfind(b"\n") + 1
    if complete < len(content):
        os.truncate(path, complete)


class JsonlStore(Generic[M]):
    """An append-only JSONL file of pydantic models; one process at a time may write to it.

    Args:
        path: The file. Its folder is created if needed, and an incomplete last line is removed.
        model: The class of a line.
    """

    def __init__(self, path: Path, model: type[M]) -> None:
        """Open the file."""
        self._path = path
        self._model = model
        path.parent.mkdir(parents=True, exist_ok=True)
        truncate_torn_line(path)

    def read(self) -> Iterator[M]:
        """Yield the stored models, oldest first.

        Raises:
            CorpusError: if a line is malformed; names the line.
        """
        if not self._path.is_file():
            return

        # Split at \n only: JSON strings may contain other line separators, such as U+2028.
        lines = self._path.read_bytes().split(b"\n")
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                yield self._model.model_validate_json(line)
            except ValidationError as error:
                raise CorpusError(
                    f"{self._path}, line {number} is not a valid {self._model.__name__}: "
                    f"{line[:80]!r}. Delete the line, or use another file."
                ) from error

    def append(self, item: M) -> None:
        """Append one model to the file as a JSON line."""
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(item.model_dump_json() + "\n")


def load_toml_model(
    model: type[M], path: Path, error: Callable[[str], Exception] = CorpusError
) -> M:
    """Return a TOML file as a validated pydantic model.

    Raises:
        CorpusError: if the file is missing, is not TOML or does not fit the model. ``error`` sets
            another class.
    """
    try:
        return model.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as cause:
        raise error(f"{path}: {cause}") from cause


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
