"""The judgment cache: a judge's answers in a JSONL file, so that no question is paid for twice."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, JsonValue

from gsim_env.util.files import JsonlStore

__all__ = ["Judgment", "JudgmentCache"]


class Judgment(BaseModel):
    """A judge's answer to one question, or the reason why it is missing.

    Attributes:
        key: SHA-256 of everything that determines the answer.
        about: Label of the question, for people who read the file.
        answer: The answer's JSON object; ``None`` if it is missing.
        error: Why the answer is missing; ``None`` if it is not.
        prompt_tokens: Prompt tokens of all tries, earlier runs included; 0 where the backend does
            not report them.
        completion_tokens: Completion tokens of all tries, likewise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    about: str
    answer: dict[str, JsonValue] | None
    error: str | None
    prompt_tokens: int
    completion_tokens: int


class JudgmentCache:
    """A judge's answers by question key, in memory and in an append-only JSONL file.

    Args:
        path: The file (:class:`~gsim_env.util.files.JsonlStore`); ``None`` to keep judgments in
            memory only.

    Raises:
        CorpusError: if a line of the file is malformed; names the line.
    """

    def __init__(self, path: Path | None) -> None:
        """Read the judgments of earlier runs."""
        self._store = None if path is None else JsonlStore(path, Judgment)
        stored = () if self._store is None else self._store.read()
        # The last line of a key is its last try.
        self._judgments = {judgment.key: judgment for judgment in stored}

    def get(self, key: str) -> Judgment | None:
        """Return the stored judgment of a question's key; ``None`` if it was never requested."""
        return self._judgments.get(key)

    def has_answer(self, key: str) -> bool:
        """Return whether a question's key has a stored answer; a missing judgment is not one."""
        judgment = self.get(key)
        return judgment is not None and judgment.answer is not None

    def add(self, judgment: Judgment) -> None:
        """Store a judgment in memory and in the file, at once."""
        self._judgments[judgment.key] = judgment
        if self._store is not None:
            self._store.append(judgment)
