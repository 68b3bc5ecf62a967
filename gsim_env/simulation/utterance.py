"""What of the salesperson's text reaches the customer's ear."""

from dataclasses import dataclass

from gsim_env.errors import UtteranceError
from gsim_env.util.text_safety import CONTROL_TOKENS, ROLE_LABELS, sanitize

__all__ = ["MAX_UTTERANCE_CHARS", "SanitizedUtterance", "check_utterance", "parse_utterance"]

MAX_UTTERANCE_CHARS = 600
"""Characters of one utterance that a customer listens to (and bytes, half as many again).

What follows is not heard.
"""

LETTERS = 8
"""From how many characters without a space a text counts as more than one word."""


@dataclass(frozen=True, slots=True)
class SanitizedUtterance:
    """An utterance as the customer hears it.

    Attributes:
        text: One line of speech, at most :data:`MAX_UTTERANCE_CHARS` characters; empty for silence.
        garbled: It held what nobody says on a phone: chat-template tokens, or lines that name a
            speaker. Such an utterance is heard but can win nothing.
        words: How many words were heard; text without spaces counts as one for every eight
            characters.
    """

    text: str
    garbled: bool
    words: int


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


def parse_utterance(utterance: object) -> SanitizedUtterance:
    """Return what the customer hears of the salesperson's action.

    Raises:
        UtteranceError: if it is not a ``str``.
    """
    raw = check_utterance(utterance)[: 4 * MAX_UTTERANCE_CHARS]
    spoken = sanitize(raw).encode(errors="ignore")[: MAX_UTTERANCE_CHARS + MAX_UTTERANCE_CHARS // 2]
    text = spoken.decode(errors="ignore")[:MAX_UTTERANCE_CHARS].rstrip()
    garbled = CONTROL_TOKENS.search(raw) is not None or ROLE_LABELS.search(text) is not None
    return SanitizedUtterance(
        text, garbled, max(text.count(" ") + 1, len(text) // LETTERS) if text else 0
    )
