"""Backends behind two small protocols: language models that complete, encoders that embed."""

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
