"""Drivers of a conversation: they answer its requests by models, encoder and chain library."""

from collections.abc import Generator, Mapping, Sequence
from itertools import chain
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from gsim_env.models import CompletionRequest, EmbeddingRequest, Encoder, LanguageModel
from gsim_env.models.batching import Batcher
from gsim_env.simulation.conversation import Answer, ConversationFlow, CustomerTurn, Listen, Request
from gsim_env.sop import Hit, Search, SopLibrary
from gsim_env.util.aio import drive_generator

__all__ = ["RequestHandler", "Services", "arun", "drive"]

T = TypeVar("T")


class Services:
    """The language models, encoder and chain library that answer a conversation's requests.

    Args:
        models: A language model for each role (``"customer"``, ``"manager"`` for the ``llm``
            Manager, ``"sales"``).
        encoder: phi.
        library: M_SOP; ``None`` if nothing is searched, as for salespeople.
        run_inline: Run the encoder and the library in the event loop instead of a thread; for
            services that take microseconds.
    """

    def __init__(
        self,
        models: Mapping[str, LanguageModel],
        encoder: Encoder,
        library: SopLibrary | None = None,
        *,
        run_inline: bool = False,
    ) -> None:
        """Create a batcher for each service that takes batches."""
        self.models = models
        self.encoder = encoder
        self.library = library
        self._embed: Batcher[EmbeddingRequest, NDArray[np.float32]] = Batcher(
            self._embed_all, in_loop=run_inline
        )
        self._search: Batcher[Search, list[Hit]] = Batcher(self._search_all, in_loop=run_inline)

    async def answer(self, request: Request) -> Answer:
        """Answer one request of a conversation; concurrent requests are batched where possible."""
        if isinstance(request, CompletionRequest):
            return await self.models[request.role].acomplete(request)
        if isinstance(request, EmbeddingRequest):
            return await self._embed(request)
        assert isinstance(request, Search)
        return await self._search(request)

    def _embed_all(self, requests: Sequence[EmbeddingRequest]) -> list[NDArray[np.float32]]:
        texts = list(chain.from_iterable(request.texts for request in requests))
        vectors = self.encoder.encode(texts)
        ends = np.cumsum([len(request.texts) for request in requests])
        return np.split(vectors, ends[:-1])

    def _search_all(self, requests: Sequence[Search]) -> list[list[Hit]]:
        assert self.library is not None, "services without a library get no Search"
        return self.library.search(requests)


class RequestHandler(Protocol):
    """Protocol of objects that answer a conversation's requests, as :class:`Services` does."""

    async def answer(self, request: Request) -> Answer:
        """Answer one request of a conversation: completion, embedding or search."""
        ...


async def arun(
    steps: ConversationFlow, utterance: str | None, services: RequestHandler
) -> CustomerTurn:
    """Send the salesperson's utterance to a simulated call and await the customer's turn.

    Args:
        steps: A :func:`~gsim_env.simulation.conversation.conversation`.
        utterance: The salesperson's words; ``None`` to start the call.
        services: Answers its requests.

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


async def drive(requests: Generator[Request, Any, T], services: Services) -> T:
    """Run a request generator without ``Listen`` to completion and return its result."""
    return await drive_generator(requests, services.answer)
