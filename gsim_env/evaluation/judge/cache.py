"""Asking a judge.

All questions at once, each answer kept in a file as it comes, so that nothing is asked or paid for
twice.
"""

import asyncio
import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from gsim_env.errors import ConfigurationError, SimulatorError
from gsim_env.models import Complete, LanguageModel, Message, ModelSpec, Sampling
from gsim_env.models.registry import build_model, parse_model
from gsim_env.util.text_safety import sanitize

__all__ = ["JudgeClient", "Judgment", "JudgmentCache", "Progress", "Question"]

Progress = Callable[[int, int], None]
"""Is told how many of how many questions are settled."""

TRIES = 3
"""How often an answer that does not fit the schema is asked for, each time with another seed."""

MAX_TOKENS = 512
GREEDY = Sampling(temperature=0.0, top_p=1.0, max_tokens=MAX_TOKENS)
DRAWN = Sampling(temperature=0.7, top_p=1.0, max_tokens=MAX_TOKENS)
"""Of several votes each must be able to differ.

A second try is drawn too: greedy, it would be the first again.
"""

IGNORED_IN_KEY = frozenset(
    {"api_key", "timeout", "max_retries", "backoff", "max_connections", "parallel", "threads"}
)
"""Settings that decide how an answer is had, not what it is.

They may change between a run and its resumption.
"""


@dataclass(frozen=True, eq=False)
class Question:
    """What a judge is asked.

    Attributes:
        about: For people who read the store.
        messages: The prompt.
        schema: The JSON schema that the answer must fit.
        read: Makes plain data of an answer's text, or raises a ``ValueError`` if it does not fit.
        vote: From 0; the same question may be asked several times.
    """

    about: str
    messages: Sequence[Message]
    schema: Mapping[str, Any]
    read: Callable[[str], dict[str, Any]]
    vote: int = 0


class Judgment(BaseModel):
    """An answer, or why there is none: a line of the store.

    Attributes:
        key: SHA-256 of all that decides the answer.
        about: The question's.
        answer: What was answered; ``None`` if the judgment is missing.
        error: Why it is missing; ``None`` if it is not.
        prompt_tokens: Of all tries, those of earlier runs included; 0 where the backend does not
            tell.
        completion_tokens: Likewise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    about: str
    answer: dict[str, Any] | None
    error: str | None
    prompt_tokens: int
    completion_tokens: int


class JudgmentCache:
    """Judgments by key, in memory and, if ``path`` is given, in a JSONL file that is appended to.

    A process that is killed while it writes leaves a last line without an end: it is cut off when
    the file is opened.

    Args:
        path: The file, made if need be; one process at a time may write to it.

    Raises:
        ConfigurationError: naming the line, if another line is no judgment.
    """

    def __init__(self, path: Path | None) -> None:
        """Read what is there."""
        self._path = path
        self.known: dict[str, Judgment] = {}
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        content = path.read_bytes() if path.exists() else b""
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.truncate(path, whole)
        for number, line in enumerate(content[:whole].splitlines(), start=1):
            try:
                judgment = Judgment.model_validate_json(line)
            except ValidationError as error:
                raise ConfigurationError(
                    f"{path}, line {number} is no judgment: {line[:80]!r}. Delete the line, or name another file."
                ) from error
            self.known[judgment.key] = judgment  # a later line is a later try

    def add(self, judgment: Judgment) -> None:
        """Keep a judgment, in the file at once."""
        self.known[judgment.key] = judgment
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as stream:
                stream.write(judgment.model_dump_json() + "\n")


class JudgeClient:
    """A language model as a judge, with its store.

    Args:
        model: A backend: its name or settings (``gsim_env.models.registry``), or a language model
            itself.
        votes: How often each question is to be asked; one vote is greedy, several are drawn at
            temperature 0.7.
        store: Where judgments are kept.
        seed: Changes the draws.

    Attributes:
        name: Of backend and model, for results.
        scripted: Whether rules judge, and no model: such results are of use to tests only.
        store: The judgments so far.

    Raises:
        ConfigurationError: if ``model`` is no backend, ``votes`` is below 1, or the store cannot be
            read.
    """

    def __init__(
        self,
        model: ModelSpec | LanguageModel,
        votes: int = 1,
        store: Path | None = None,
        seed: int = 0,
    ) -> None:
        """Make a judge who has not been asked yet.

        Models are loaded when the first question needs them.
        """
        if votes < 1:
            raise ConfigurationError(f"votes must be at least 1, got {votes}.")
        self._model, self.name, settings = _identity(model)
        self.scripted = bool(getattr(self._model, "scripted", False))
        self.votes, self.store = votes, JudgmentCache(store)
        self._sampling = GREEDY if votes == 1 else DRAWN
        self._decides = {
            "judge": self.name,
            "settings": {
                name: value for name, value in settings.items() if name not in IGNORED_IN_KEY
            },
            "sampling": self._sampling.model_dump(),
            "seed": seed,
        }
        # An engine hands a batch over when all of it is done. Its own size makes the least that a kill can lose.
        self._at_once = int(settings.get("parallel") or settings.get("max_connections") or 512)

    async def ask(
        self, questions: Sequence[Question], progress: Progress | None = None
    ) -> list[Judgment]:
        """Settle all questions concurrently, at most as many at a time as the backend takes.

        What the store holds is not asked again, but for what is missing there.

        Returns:
            A judgment each, in order. Of questions that are the same, the first has the tokens and
            the others none.

        Raises:
            ConfigurationError: if the backend cannot be asked such questions at all.
        """
        keys = [self._key(question) for question in questions]
        open_ = {
            key: question
            for key, question in zip(keys, questions, strict=True)
            if not self._settled(key)
        }
        total = len(set(keys))
        done = total - len(open_)
        slots = asyncio.Semaphore(self._at_once)

        async def answer(key: str, question: Question) -> None:
            nonlocal done
            async with slots:
                judgment = await self._judged(key, question)
            self.store.add(judgment)
            done += 1
            if progress is not None:
                progress(done, total)

        if progress is not None and done:
            progress(done, total)
        tasks = [asyncio.ensure_future(answer(key, question)) for key, question in open_.items()]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()  # after a failure nobody waits for the others; on those that are done it does nothing
        free = {"prompt_tokens": 0, "completion_tokens": 0}
        first = {key: index for index, key in reversed(list(enumerate(keys)))}
        return [
            self.store.known[key]
            if first[key] == index
            else self.store.known[key].model_copy(update=free)
            for index, key in enumerate(keys)
        ]

    def _settled(self, key: str) -> bool:
        return key in self.store.known and self.store.known[key].answer is not None

    def _key(self, question: Question) -> str:
        decides = {
            **self._decides,
            "messages": question.messages,
            "schema": question.schema,
            "vote": question.vote,
        }
        # Keys are not sorted: dimensions in another order are another question.
        return hashlib.sha256(
            json.dumps(decides, ensure_ascii=False, default=str).encode(errors="replace")
        ).hexdigest()

    async def _judged(self, key: str, question: Question) -> Judgment:
        """Ask, again if the answer does not fit.

        A failure of infrastructure is final until the next run.
        """
        before = self.store.known.get(key)
        spent = [before.prompt_tokens, before.completion_tokens] if before else [0, 0]
        answer, error = None, ""
        for attempt in range(TRIES):
            sampling = DRAWN if attempt else self._sampling
            seed = (int(key[:8], 16) + attempt) % 2**31
            request = Complete("judge", list(question.messages), sampling, seed, question.schema)
            try:
                completion = await self._model.acomplete(request)
            except SimulatorError as failure:
                error = f"The judge could not be asked: {failure}"
                break
            spent = [spent[0] + completion.prompt_tokens, spent[1] + completion.completion_tokens]
            try:
                answer = question.read(completion.text)
                break
            except ValueError as misfit:
                said = f"{_brief(misfit)}: {sanitize(completion.text):.100}"
                error = f"No answer fits the schema in {attempt + 1} tries, the last: {said}"
        return Judgment(
            key=key,
            about=question.about,
            answer=answer,
            error=error if answer is None else None,
            prompt_tokens=spent[0],
            completion_tokens=spent[1],
        )


def _identity(model: ModelSpec | LanguageModel) -> tuple[LanguageModel, str, dict[str, Any]]:
    """Return the backend, its name for results, and its settings."""
    if isinstance(model, str | Mapping):
        backend, config = parse_model(model)
        built, settings = build_model(model), config.model_dump()
    else:
        built, backend, own = model, type(model).__name__, getattr(model, "config", None)
        settings = own.model_dump() if isinstance(own, BaseModel) else {}
    named = str(settings.get("model") or "")
    shown = (
        Path(named).name if Path(named).is_absolute() else named
    )  # results say nothing of whose computer it was
    return built, f"{backend}:{shown}" if shown else backend, settings


def _brief(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))} {first['msg']}".strip()
