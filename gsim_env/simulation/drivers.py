"""The three drivers of a conversation. All answer the same requests by the same services, so all tell the same story."""

import asyncio
import atexit
import os
import threading
from collections.abc import Coroutine, Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from gsim_env.models import Complete, Embed, Encoder, LanguageModel
from gsim_env.models.batching import Batcher
from gsim_env.simulation.conversation import Answer, CustomerTurn, Listen, Request, Steps
from gsim_env.sop import Hit, Search, SopLibrary

__all__ = ["Answers", "Services", "answered", "arun", "block_on", "run", "run_batch"]

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Services:
    """What answers a conversation's requests.

    Attributes:
        models: A language model for each role (``"customer"``, ``"manager"`` for the ``llm`` Manager, ``"sales"``).
        encoder: phi.
        library: M_SOP; ``None`` where nobody searches, as for salespeople.
        quick: The encoder and the library take microseconds: run them in the event loop, not in a thread.
    """

    models: Mapping[str, LanguageModel]
    encoder: Encoder
    library: SopLibrary | None = None
    quick: bool = False
    _embed: Batcher[Embed, NDArray[np.float32]] = field(init=False)
    _search: Batcher[Search, list[Hit]] = field(init=False)

    def __post_init__(self) -> None:
        """Put a batcher before each service that takes batches."""
        object.__setattr__(self, "_embed", Batcher(self._embed_all, in_loop=self.quick))
        object.__setattr__(self, "_search", Batcher(self._search_all, in_loop=self.quick))

    async def answer(self, request: Request) -> Answer:
        """Answer one request; what is pending at the same time goes out as one batched call where the service has one."""
        if isinstance(request, Complete):
            return await self.models[request.role].acomplete(request)
        if isinstance(request, Embed):
            return await self._embed(request)
        assert isinstance(request, Search)
        return await self._search(request)

    def _embed_all(self, requests: Sequence[Embed]) -> list[NDArray[np.float32]]:
        vectors = self.encoder.encode([text for request in requests for text in request.texts])
        ends = np.cumsum([len(request.texts) for request in requests])
        return np.split(vectors, ends[:-1])

    def _search_all(self, requests: Sequence[Search]) -> list[list[Hit]]:
        assert self.library is not None, "whoever searches has a library"
        return self.library.search(requests)


class Answers(Protocol):
    """What :func:`arun` asks: :class:`Services`, or something that stands before them."""

    async def answer(self, request: Request) -> Answer:
        """Answer one request of a conversation."""
        ...


async def arun(steps: Steps, utterance: str | None, services: Answers) -> CustomerTurn:
    """Advance one call, concurrently with whatever else the event loop does, until the customer has spoken.

    Args:
        steps: A :func:`~gsim_env.simulation.conversation.conversation`.
        utterance: The salesperson's words; ``None`` to have the phone picked up first.
        services: What answers its requests.

    Raises:
        SimulatorError: if a service fails; the call cannot go on.
        UtteranceError: if ``utterance`` is not text.
    """
    try:
        request = steps.send(utterance)
        while not isinstance(request, Listen):
            request = steps.send(await services.answer(request))
    except StopIteration as end:
        turn: CustomerTurn = end.value
        return turn
    return request.turn


async def answered(requests: Generator[Request, Any, T], services: Services) -> T:
    """Drive a generator of requests that asks nobody to speak to its end; return what it returns."""
    try:
        request = next(requests)
        while True:
            request = requests.send(await services.answer(request))
    except StopIteration as end:
        result: T = end.value
        return result


def run(steps: Steps, utterance: str | None, services: Services) -> CustomerTurn:
    """Advance one call and wait for it; arguments and errors as for :func:`arun`. May be called inside a running loop."""
    return block_on(arun(steps, utterance, services))


def run_batch(
    batch: Sequence[Steps], utterances: Sequence[str | None], services: Services
) -> list[CustomerTurn | BaseException]:
    """Advance N calls in step and wait for all: their pending requests of a kind go out together.

    Returns:
        For each call its turn, or the exception that ended it; one call's failure leaves the others alone.
    """

    async def together() -> list[CustomerTurn | BaseException]:
        turns = (arun(steps, words, services) for steps, words in zip(batch, utterances, strict=True))
        return await asyncio.gather(*turns, return_exceptions=True)

    return block_on(together())


_loop: asyncio.AbstractEventLoop | None = None
_lock = threading.Lock()


def block_on(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in the package's own event-loop thread and wait for it.

    A thread of its own, so that it works where a loop is already running (notebooks, async trainers) and so that pooled
    connections live as long as the process. An interrupt cancels the coroutine.
    """
    future = asyncio.run_coroutine_threadsafe(coroutine, _event_loop())
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


def _event_loop() -> asyncio.AbstractEventLoop:
    global _loop  # noqa: PLW0603 - one loop a process, made on first use
    with _lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="gsim-loop", daemon=True).start()
        return _loop


@atexit.register
def _close_loop() -> None:
    """Close what lives as long as the loop, its asynchronous generators (pooled connections), as the process ends."""
    if _loop is not None:
        with suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(_loop.shutdown_asyncgens(), _loop).result(timeout=1.0)


def _forget_loop() -> None:
    """After a fork the thread is gone: the child makes its own."""
    global _loop, _lock
    _loop, _lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_forget_loop)
