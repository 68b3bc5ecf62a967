"""Sanitizing of untrusted text: chat-template tokens and control characters are removed."""

import re
from functools import lru_cache

__all__ = ["CONTROL_TOKENS", "ROLE_LABELS", "sanitize_text"]

CONTROL_TOKENS = re.compile(
    r"<\|[^|<>]{0,40}\|>"  # ChatML, Llama 3, GPT: <|im_start|>
    r"|</?s>|<</?SYS>>"  # Llama 2
    r"|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_RESULTS)\]"  # Llama 2, Mistral
    r"|</?(?:start|end)_of_turn>|<(?:bos|eos|pad|unk)>"  # Gemma
    r"|</?(?:think|tool_call|tool_response)>"  # reasoning and tool markers
    r"|<[｜|][^<>]{0,40}[｜|]>",  # noqa: RUF001 - DeepSeek writes its tokens with the fullwidth bar
    re.IGNORECASE,
)
ROLE_LABELS = re.compile(
    r"(?:^|[\s\"'>*#\[(])(?:system|assistant|user|customer|client|merchant|manager|salesperson|guidance|instructions?)"
    r"\s*(?:message|prompt)?\s*[\])*]{0,2}\s*:",
    re.IGNORECASE,
)
CONTROL_CHARACTERS = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2064\ud800-\udfff\ufeff]+"
)


@lru_cache(maxsize=4096)  # reference utterances repeat in every guidance
def sanitize_text(text: str) -> str:
    """Return untrusted text as one line without control characters or chat-template tokens.

    Removing a token can create another from its halves, so removal is repeated until none is left.
    """
    text = CONTROL_CHARACTERS.sub(" ", text)
    while (cleaned := CONTROL_TOKENS.sub(" ", text)) != text:
        text = cleaned
    return " ".join(text.split())
