"""Protocols of language models and sentence encoders, and the requests that they answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypedDict

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "QUOTE_PREFIX",
    "ChatMessage",
    "Completion",
    "CompletionRequest",
    "EmbeddingRequest",
    "Encoder",
    "LanguageModel",
    "ModelSpec",
    "SamplingParams",
]

ModelSpec = str | Mapping[str, Any]
"""A backend as plain data: its name, or its settings with the name under ``backend``."""

QUOTE_PREFIX = "> "
"""Begins each quoted utterance of a prompt, one per line.

Defined here because it is a contract between two packages: prompts write it, and the ``scripted``
backend reads it.
"""


class ChatMessage(TypedDict):
    """A chat message (role and content) in the format of OpenAI-compatible servers."""

    role: str
    content: str


class SamplingParams(BaseModel):
    """Sampling parameters of a completion; names and meanings as in vLLM's ``SamplingParams``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: float = Field(ge=0.0, description="0 is greedy")
    top_p: float = Field(gt=0.0, le=1.0)
    repetition_penalty: float = Field(default=1.0, gt=0.0, description="1 is none")
    max_tokens: int = Field(ge=1)


@dataclass(frozen=True, slots=True, eq=False)
class CompletionRequest:
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
    messages: list[ChatMessage]
    sampling: SamplingParams
    seed: int
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """A language model's answer to a :class:`CompletionRequest`, with its token usage.

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
class EmbeddingRequest:
    """A request for the sentence embeddings of texts."""

    texts: tuple[str, ...]


class LanguageModel(Protocol):
    """Protocol of a backend that completes chats; requests may be awaited concurrently."""

    async def acomplete(self, request: CompletionRequest) -> Completion:
        """Return the completion of one chat request.

        Raises:
            SimulatorError: if there is no answer after bounded retries.
        """
        ...


class Encoder(Protocol):
    """Protocol of a sentence encoder phi; it may be called from any thread."""

    @property
    def name(self) -> str:
        """The encoder's identity (weights and settings) in cache keys and results."""
        ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return texts' embeddings, unit length, shape (texts, d); reproducible up to 1e-6.

        Raises:
            SimulatorError: if the texts cannot be encoded.
        """
        ...
