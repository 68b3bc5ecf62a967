"""The judge client: concurrent, cached requests to a language model for answers within a schema."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, JsonValue

from gsim_env.errors import ConfigurationError, SimulatorError
from gsim_env.evaluation.judge.cache import Judgment, JudgmentCache
from gsim_env.models import (
    ChatMessage,
    Completion,
    CompletionRequest,
    LanguageModel,
    ModelSpec,
    SamplingParams,
)
from gsim_env.models.json_answers import request_json_answer_async
from gsim_env.models.registry import build_language_model, parse_model_spec
from gsim_env.util.progress import ProgressCallback, no_progress
from gsim_env.util.text_safety import sanitize_text

__all__ = ["JudgeClient", "JudgeQuestion"]

MAX_TOKENS = 512
GREEDY = SamplingParams(temperature=0.0, top_p=1.0, max_tokens=MAX_TOKENS)

SAMPLED = SamplingParams(temperature=0.7, top_p=1.0, max_tokens=MAX_TOKENS)
"""For several votes, which must be able to differ, and for retries: a greedy one would repeat."""

MAX_CONCURRENT = 512
"""Questions in flight where the backend sets no limit."""

IGNORED_IN_KEY = frozenset(
    {"api_key", "timeout", "max_retries", "backoff", "max_connections", "parallel", "threads"}
)
"""Backend settings that do not change an answer: they may differ when a run is resumed."""

EXCERPT_LENGTH = 100
"""Characters of an unusable answer that its error quotes."""


@dataclass(frozen=True, eq=False)
class JudgeQuestion:
    """One question to a language-model judge: prompt, answer schema and answer parser.

    Attributes:
        about: A label for people who read the cache file.
        messages: The prompt.
        schema: The JSON schema that the answer must satisfy.
        read: Parses an answer's text; raises a ``ValueError`` if it does not fit.
        vote: Number of the vote, from 0: the same question may be asked several times.
    """

    about: str
    messages: Sequence[ChatMessage]
    schema: Mapping[str, JsonValue]
    read: Callable[[str], BaseModel]
    vote: int = 0


class _TokenCountingModel:
    """A language model that counts the tokens of the requests it passes on.

    Attributes:
        prompt_tokens: Prompt tokens so far.
        completion_tokens: Completion tokens so far.
        last_text: The last answer; empty before the first.
    """

    def __init__(self, model: LanguageModel) -> None:
        """Start at zero."""
        self._model = model
        self.prompt_tokens = 0
        self.completion_tokens = 0
        self.last_text = ""

    async def acomplete(self, request: CompletionRequest) -> Completion:
        """Answer one request; errors are those of the model."""
        self.last_text = ""
        completion = await self._model.acomplete(request)
        self.prompt_tokens += completion.prompt_tokens
        self.completion_tokens += completion.completion_tokens
        self.last_text = completion.text
        return completion


class JudgeClient:
    """Asks a language-model judge questions concurrently, with a cache of its answers.

    Args:
        model: A backend: its name or settings (``gsim_env.models.registry``), or a language model.
        votes: Number of votes per question; one vote is greedy, several are sampled at
            temperature 0.7.
        store: The file of the judgment cache; ``None`` to keep judgments in memory only.
        seed: Seed of the sampling.

    Attributes:
        name: Backend and model, for results.
        scripted: Whether rules judge instead of a model; such results are for tests only.
        votes: Number of votes per question.

    Raises:
        ConfigurationError: if ``model`` is not a backend or ``votes`` is below 1.
        CorpusError: if the cache file is malformed.
    """

    def __init__(
        self,
        model: ModelSpec | LanguageModel,
        votes: int = 1,
        store: Path | None = None,
        seed: int = 0,
    ) -> None:
        """Check the arguments; models are loaded by the first question."""
        if votes < 1:
            raise ConfigurationError(f"votes must be at least 1, got {votes}.")

        self._model, self.name, settings = _describe_model(model)
        self.scripted = bool(getattr(self._model, "scripted", False))
        self.votes = votes
        self._cache = JudgmentCache(store)
        self._sampling = GREEDY if votes == 1 else SAMPLED
        decisive = {name: settings[name] for name in settings if name not in IGNORED_IN_KEY}
        self._key_base = {
            "judge": self.name,
            "settings": decisive,
            "sampling": self._sampling.model_dump(),
            "seed": seed,
        }

        # A batch engine returns whole batches: with batches of the engine's size, an interruption
        # loses the fewest answers.
        limit = settings.get("parallel") or settings.get("max_connections") or MAX_CONCURRENT
        self._max_concurrent = int(limit)

    async def ask(
        self,
        questions: Sequence[JudgeQuestion],
        progress: ProgressCallback = no_progress,
        step: str = "judge",
    ) -> list[Judgment]:
        """Return the judgments of all questions, in order, requested concurrently.

        Answers in the cache are not requested again; missing ones are. Identical questions are
        requested once: the first occurrence carries the tokens, the others have 0.

        Args:
            questions: The questions.
            progress: Reports the number of questions that have a judgment.
            step: The step's name for ``progress``.

        Raises:
            ConfigurationError: if the backend cannot answer within a schema at all.
        """
        keys = [self._key(question) for question in questions]
        by_key = dict(zip(keys, questions, strict=True))
        pending = {key: by_key[key] for key in by_key if not self._cache.has_answer(key)}
        total = len(by_key)
        done = total - len(pending)
        if done:
            progress(step, done, total)

        slots = asyncio.Semaphore(self._max_concurrent)

        async def answer(key: str, question: JudgeQuestion) -> None:
            nonlocal done
            async with slots:
                judgment = await self._request(key, question)
            self._cache.add(judgment)
            done += 1
            progress(step, done, total)

        # A failure that is more than a missing judgment cancels the other requests.
        try:
            async with asyncio.TaskGroup() as tasks:
                for key, question in pending.items():
                    tasks.create_task(answer(key, question))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None

        return self._collect(keys)

    def _collect(self, keys: Sequence[str]) -> list[Judgment]:
        """Return the judgment of each key; its tokens count once."""
        judgments: list[Judgment] = []
        counted: set[str] = set()
        for key in keys:
            judgment = self._cache.get(key)
            assert judgment is not None
            if key in counted:
                judgment = judgment.model_copy(update={"prompt_tokens": 0, "completion_tokens": 0})
            judgments.append(judgment)
            counted.add(key)
        return judgments

    def _key(self, question: JudgeQuestion) -> str:
        """Return the hash of everything that determines the answer."""
        content = {
            **self._key_base,
            "messages": question.messages,
            "schema": question.schema,
            "vote": question.vote,
        }
        # Keys are not sorted: dimensions in another order are another question.
        text = json.dumps(content, ensure_ascii=False, default=str)
        return hashlib.sha256(text.encode(errors="replace")).hexdigest()

    async def _request(self, key: str, question: JudgeQuestion) -> Judgment:
        """Request one judgment; a failure of infrastructure makes it missing until the next run."""

        def request(attempt: int) -> CompletionRequest:
            return CompletionRequest(
                role="judge",
                messages=list(question.messages),
                sampling=SAMPLED if attempt else self._sampling,
                seed=(int(key[:8], 16) + attempt) % 2**31,
                schema=question.schema,
            )

        counter = _TokenCountingModel(self._model)
        answer, error = None, None
        try:
            value = await request_json_answer_async(
                counter, request, question.read, subject="The judge"
            )
            answer = value.model_dump()
        except SimulatorError as failure:
            error = str(failure)
            if counter.last_text:
                error += f" The last answer: {sanitize_text(counter.last_text):.{EXCERPT_LENGTH}}"

        previous = self._cache.get(key)
        return Judgment(
            key=key,
            about=question.about,
            answer=answer,
            error=error,
            prompt_tokens=counter.prompt_tokens + (previous.prompt_tokens if previous else 0),
            completion_tokens=counter.completion_tokens
            + (previous.completion_tokens if previous else 0),
        )


def _describe_model(model: ModelSpec | LanguageModel) -> tuple[LanguageModel, str, dict[str, Any]]:
    """Return the language model, its name for results, and its settings."""
    if isinstance(model, str | Mapping):
        backend, config = parse_model_spec(model)
        language_model = build_language_model(model)
        settings = config.model_dump()
    else:
        backend = type(model).__name__
        language_model = model
        model_config = getattr(model, "config", None)
        settings = model_config.model_dump() if isinstance(model_config, BaseModel) else {}

    # Results keep a model's file name and drop its folder, which belongs to one machine.
    weights = str(settings.get("model") or "")
    if Path(weights).is_absolute():
        weights = Path(weights).name
    return language_model, f"{backend}:{weights}" if weights else backend, settings
