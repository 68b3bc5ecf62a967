"""Model backends: language models that complete chats, encoders that embed texts."""

from gsim_env.models.protocol import (
    ChatMessage,
    Completion,
    CompletionRequest,
    EmbeddingRequest,
    Encoder,
    LanguageModel,
    ModelSpec,
    SamplingParams,
)

__all__ = [
    "ChatMessage",
    "Completion",
    "CompletionRequest",
    "EmbeddingRequest",
    "Encoder",
    "LanguageModel",
    "ModelSpec",
    "SamplingParams",
]
