"""Back ends behind two small protocols: language models that complete, encoders that embed."""

from gsim_env.models.protocol import Complete, Completion, Embed, Encoder, LanguageModel, Message, Sampling

__all__ = ["Complete", "Completion", "Embed", "Encoder", "LanguageModel", "Message", "Sampling"]
