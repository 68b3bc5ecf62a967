"""Text from outside is data: it can never act as control (invariant 9)."""

import re
from functools import lru_cache

__all__ = ["CONTROL_TOKENS", "ROLE_LABELS", "sanitize"]

CONTROL_TOKENS = re.compile(
    r"<\|[^|<>]{0,40}\|>"  # ChatML, Llama 3, GPT: <|im_start|>
    r"|</?s>|<</?SYS>>|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_RESULTS)\]"  # Llama 2, Mistral
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
UNSPEAKABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2064\ud800-\udfff\ufeff]+"
)


@lru_cache(maxsize=4096)  # the reference utterances of every guidance pass through here
def sanitize(text: str) -> str:
    """Make ``text`` one line without control characters or chat-template tokens (invariant 9).

    Removing a token can join the halves of another, so it is repeated until nothing is left to
    remove.
    """
    text = UNSPEAKABLE.sub(" ", text)
    while (cleaned := CONTROL_TOKENS.sub(" ", text)) != text:
        text = cleaned
    return " ".join(text.split())
