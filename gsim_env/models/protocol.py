"""Protocols of language models and sentence encoders, and the requests that they answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypedDict

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "QUOTE_PREFIX",
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

QUOTE_PREFIX = "> "
"""Begins each quoted utterance of a prompt, one per line.

Defined here because it is a contract between two packages: prompts write it, and the ``scripted``
backend reads it.
"""


class Message(TypedDict):
    """A chat message in the format of OpenAI-compatible servers."""

    role: str
    content: str


class Sampling(BaseModel):
    """Sampling parameters; names and meanings as in vLLM's ``SamplingParams``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: float = Field(ge=0.0, description="0 is greedy")
    top_p: float = Field(gt=0.0, le=1.0)
    repetition_penalty: float = Field(default=1.0, gt=0.0, description="1 is none")
    max_tokens: int = Field(ge=1)


@dataclass(frozen=True, slots=True, eq=False)
class Complete:
    """A request for the next message of a chat (a chat completion).

    Attributes:
        role: The model to ask: ``"customer"``, ``"manager"``, ``"profile"``, ``"sales"`` or
            ``"judge"``.
        messages: The chat so far; no other request shares the list.
        sampling: The sampling parameters.
        seed: Seeds the sampling where the backend supports it.
        schema: A JSON schema that the answer must satisfy, or ``None`` for free text.
    """

    role: str
    messages: list[Message]
    sampling: Sampling
    seed: int
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """The answer to a :class:`Complete`, with its token usage.

    Attributes:
        text: The answer.
        prompt_tokens: Tokens of the prompt; 0 where the backend does not report usage.
        cached_tokens: Those of ``prompt_tokens`` that a prefix cache served.
        completion_tokens: Tokens of the answer; 0 where the backend does not report usage.
    """

    text: str
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Embed:
    """A request for the embeddings of texts."""

    texts: tuple[str, ...]


class LanguageModel(Protocol):
    """A backend that completes chats; requests of one event loop may be awaited concurrently."""

    async def acomplete(self, request: Complete) -> Completion:
        """Answer one request.

        Raises:
            SimulatorError: if there is no answer after bounded retries.
        """
        ...


class Encoder(Protocol):
    """A sentence encoder phi; it may be called from any thread."""

    @property
    def name(self) -> str:
        """The encoder's identity (weights and settings) in cache keys and results."""
        ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit-length rows, shape (texts, d); the same text gives the same row up to 1e-6.

        Raises:
            SimulatorError: if the texts cannot be encoded.
        """
        ...
