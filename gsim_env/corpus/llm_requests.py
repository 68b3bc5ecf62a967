"""Requests to a language model about many dialogues: JSON answers, a bounded number at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel

from gsim_env.errors import SimulatorError
from gsim_env.models import (
    ChatMessage,
    Completion,
    CompletionRequest,
    LanguageModel,
    SamplingParams,
)
from gsim_env.models.json_answers import request_json_answer_async

__all__ = ["SAMPLING", "ask_json", "map_concurrently"]

SAMPLING = SamplingParams(temperature=0.2, top_p=0.9, max_tokens=1024)

A = TypeVar("A", bound=BaseModel)
T = TypeVar("T")
R = TypeVar("R")


async def ask_json(
    model: LanguageModel,
    messages: Sequence[ChatMessage],
    answer: type[A],
    schema: Mapping[str, Any],
    *,
    subject: str,
    seed: int,
    check: Callable[[A], None] = lambda _: None,
    sampling: SamplingParams = SAMPLING,
) -> A:
    """Return a language model's answer as a pydantic model.

    Args:
        model: The backend.
        messages: The prompt.
        answer: The class of the answer.
        schema: The JSON schema of the request; it may be narrower than ``answer``.
        subject: What the request is about; begins every error message.
        seed: The seed of the first try; each further try adds 1.
        check: Raises a ``ValueError`` if the answer is not legal: some backends do not enforce the
            schema.
        sampling: How words are drawn.

    Raises:
        SimulatorError: if the model fails, or no answer is legal in three tries.
    """

    def request(attempt: int) -> CompletionRequest:
        return CompletionRequest(
            "manager", list(messages), sampling, (seed + attempt) % 2**31, schema
        )

    def read(text: str) -> A:
        value = answer.model_validate_json(text)
        check(value)
        return value

    return await request_json_answer_async(_Subject(model, subject), request, read, subject=subject)


async def map_concurrently(
    function: Callable[[T], Awaitable[R]], items: Iterable[T], limit: int
) -> list[R]:
    """Return the results of an async function for each item, in order.

    The first failure cancels the other calls.

    Args:
        function: What is awaited.
        items: Its arguments.
        limit: The maximum number of calls at a time.

    Raises:
        Exception: the first failure.
    """
    slots = asyncio.Semaphore(limit)

    async def limited(item: T) -> R:
        async with slots:
            return await function(item)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(limited(item)) for item in items]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None  # the others were cancelled or failed alike
    return [task.result() for task in tasks]


class _Subject:
    """A backend that names the subject of a request when it fails."""

    def __init__(self, model: LanguageModel, subject: str) -> None:
        self._model = model
        self._subject = subject

    async def acomplete(self, request: CompletionRequest) -> Completion:
        try:
            return await self._model.acomplete(request)
        except SimulatorError as error:
            raise SimulatorError(f"{self._subject}: {error}") from error
