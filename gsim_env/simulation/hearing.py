"""What of the salesperson's text reaches the customer's ear. Text from outside is data: it can never act as control."""

import re
from dataclasses import dataclass
from functools import lru_cache

from gsim_env.errors import UtteranceError

__all__ = ["MAX_HEARD", "Heard", "check_utterance", "hear", "neutralise"]

MAX_HEARD = 600
"""Characters of one utterance that a customer listens to (and bytes, half as many again); what follows is not heard."""

LETTERS = 8
"""From how many characters without a space a text counts as more than one word."""

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
UNSPEAKABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2064\ud800-\udfff\ufeff]+")


@dataclass(frozen=True, slots=True)
class Heard:
    """An utterance as the customer hears it.

    Attributes:
        text: One line of speech, at most :data:`MAX_HEARD` characters; empty for silence.
        garbled: It held what nobody says on a phone: chat-template tokens, or lines that name a speaker. Such an
            utterance is heard but can win nothing.
        words: How many words were heard; text without spaces counts as one for every eight characters.
    """

    text: str
    garbled: bool
    words: int


@lru_cache(maxsize=4096)  # the reference utterances of every guidance pass through here
def neutralise(text: str) -> str:
    """Make ``text`` one line without control characters or chat-template tokens (invariant 9).

    Removing a token can join the halves of another, so it is repeated until nothing is left to remove.
    """
    text = UNSPEAKABLE.sub(" ", text)
    while (cleaned := CONTROL_TOKENS.sub(" ", text)) != text:
        text = cleaned
    return " ".join(text.split())


def check_utterance(utterance: object) -> str:
    """Return the salesperson's action.

    Raises:
        UtteranceError: if it is not a ``str``.
    """
    if not isinstance(utterance, str):
        raise UtteranceError(
            f"The action must be the salesperson's words as a str, got {type(utterance).__name__}: {utterance!r:.80}"
        )
    return utterance


def hear(utterance: object) -> Heard:
    """Return what the customer hears of the salesperson's action.

    Raises:
        UtteranceError: if it is not a ``str``.
    """
    raw = check_utterance(utterance)[: 4 * MAX_HEARD]
    spoken = neutralise(raw).encode(errors="ignore")[: MAX_HEARD + MAX_HEARD // 2]
    text = spoken.decode(errors="ignore")[:MAX_HEARD].rstrip()
    garbled = CONTROL_TOKENS.search(raw) is not None or ROLE_LABELS.search(text) is not None
    return Heard(text, garbled, max(text.count(" ") + 1, len(text) // LETTERS) if text else 0)
