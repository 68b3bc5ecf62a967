"""What of the salesperson's text reaches the customer's ear. Text from outside is data: it can never act as control."""

import re
from dataclasses import dataclass

from gsim_env.errors import UtteranceError

__all__ = ["MAX_HEARD", "Heard", "hear", "neutralise"]

MAX_HEARD = 1200
"""Characters of one utterance that a customer listens to; what follows is not heard."""

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
UNSPEAKABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff]+")


@dataclass(frozen=True, slots=True)
class Heard:
    """An utterance as the customer hears it.

    Attributes:
        text: One line of speech, at most :data:`MAX_HEARD` characters; empty for silence.
        garbled: It held what nobody says on a phone: chat-template tokens, or lines that name a speaker. Such an
            utterance is heard but can win nothing.
        words: How many words were heard.
    """

    text: str
    garbled: bool
    words: int


def neutralise(text: str) -> str:
    """Make ``text`` one line without control characters or chat-template tokens (invariant 9).

    Removing a token can join the halves of another, so it is repeated until nothing is left to remove.
    """
    text = UNSPEAKABLE.sub(" ", text)
    while (cleaned := CONTROL_TOKENS.sub(" ", text)) != text:
        text = cleaned
    return " ".join(text.split())


def hear(utterance: object) -> Heard:
    """Return what the customer hears of the salesperson's action.

    Raises:
        UtteranceError: if it is not a ``str``.
    """
    if not isinstance(utterance, str):
        raise UtteranceError(
            f"The action must be the salesperson's words as a str, got {type(utterance).__name__}: {utterance!r:.80}"
        )
    raw = utterance[: 4 * MAX_HEARD]
    text = neutralise(raw)[:MAX_HEARD].rstrip()
    garbled = CONTROL_TOKENS.search(raw) is not None or ROLE_LABELS.search(text) is not None
    return Heard(text, garbled, text.count(" ") + 1 if text else 0)
