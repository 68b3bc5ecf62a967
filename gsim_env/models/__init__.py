"""Model backends: language models that complete chats, encoders that embed texts."""

from gsim_env.models.protocol import (
    Complete,
    Completion,
    Embed,
    Encoder,
    LanguageModel,
    Message,
    ModelSpec,
    Sampling,
)

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
