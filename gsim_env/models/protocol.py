"""What the simulator asks of a model, and the two protocols that backends implement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypedDict

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "Complete",
    "Completion",
    "Embed",
    "Encoder",
    "LanguageModel",
    "Message",
    "ModelSpec",
    "Sampling",
]

ModelSpec = str | Mapping[str, Any]
"""A backend as plain data: its name, or its settings with the name under ``backend``."""


class Message(TypedDict):
    """A chat message, as OpenAI-compatible servers take it."""

    role: str
    content: str


class Sampling(BaseModel):
    """How words are drawn; names and meanings as in vLLM's ``SamplingParams``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: float = Field(ge=0.0, description="0 is greedy")
    top_p: float = Field(gt=0.0, le=1.0)
    repetition_penalty: float = Field(default=1.0, gt=0.0, description="1 is none")
    max_tokens: int = Field(ge=1)


@dataclass(frozen=True, slots=True, eq=False)
class Complete:
    """A request for the next message of a chat.

    Attributes:
        role: Which model is asked: ``"customer"``, ``"manager"``, ``"profile"``, ``"sales"`` or
            ``"judge"``.
        messages: The chat so far; the list is the request's own.
        sampling: How to draw.
        seed: Seeds the draw where the backend can.
        schema: A JSON schema that the answer must satisfy, or ``None`` for free text.
    """

    role: str
    messages: list[Message]
    sampling: Sampling
    seed: int
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """The answer to a :class:`Complete`, with its cost in tokens where the backend tells (else 0).

    ``cached_tokens`` are those of ``prompt_tokens`` that a prefix cache served.
    """

    text: str
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Embed:
    """A request for the embeddings of some texts."""

    texts: tuple[str, ...]


class LanguageModel(Protocol):
    """A backend that completes chats. Requests of one event loop may be awaited concurrently."""

    async def acomplete(self, request: Complete) -> Completion:
        """Answer one request.

        Raises:
            SimulatorError: if no answer could be had after bounded retries.
        """
        ...


class Encoder(Protocol):
    """A sentence encoder phi. May be called from any thread."""

    @property
    def name(self) -> str:
        """Identifies the encoder (weights and settings) in cache keys and results."""
        ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit-length rows, shape (texts, d); the same text gives the same row up to 1e-6.

        Raises:
            SimulatorError: if the texts cannot be encoded.
        """
        ...
