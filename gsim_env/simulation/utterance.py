"""Sanitizing the salesperson's utterance: the part of the text that the customer hears."""

from dataclasses import dataclass

from gsim_env.errors import UtteranceError
from gsim_env.util.text_safety import CONTROL_TOKENS, ROLE_LABELS, sanitize_text

__all__ = ["MAX_UTTERANCE_CHARS", "SanitizedUtterance", "check_utterance", "parse_utterance"]

MAX_UTTERANCE_CHARS = 600
"""Maximum length of an utterance in characters (and 1.5 times as many bytes); the rest is cut."""

CHARS_PER_WORD = 8
"""Characters that count as one word in text without spaces."""


@dataclass(frozen=True, slots=True)
class SanitizedUtterance:
    """The salesperson's utterance after sanitizing, as the customer hears it.

    Attributes:
        text: One line of speech, at most :data:`MAX_UTTERANCE_CHARS` characters; empty for silence.
        garbled: Whether it held chat-template tokens or speaker labels. A garbled utterance is
            heard but gains nothing.
        words: Number of words; text without spaces counts one word per eight characters.
    """

    text: str
    garbled: bool
    words: int


def check_utterance(utterance: object) -> str:
    """Return the salesperson's utterance unchanged; raise an error if it is not text.

    Raises:
        UtteranceError: if it is not a ``str``.
    """
    if not isinstance(utterance, str):
        raise UtteranceError(
            f"The action must be the salesperson's words as a str, "
            f"got {type(utterance).__name__}: {utterance!r:.80}"
        )
    return utterance


def parse_utterance(utterance: object) -> SanitizedUtterance:
    """Sanitize the salesperson's utterance: one line, limited length, no control tokens.

    Raises:
        UtteranceError: if it is not a ``str``.
    """
    raw = check_utterance(utterance)[: 4 * MAX_UTTERANCE_CHARS]
    spoken = sanitize_text(raw).encode(errors="ignore")[
        : MAX_UTTERANCE_CHARS + MAX_UTTERANCE_CHARS // 2
    ]
    text = spoken.decode(errors="ignore")[:MAX_UTTERANCE_CHARS].rstrip()
    garbled = CONTROL_TOKENS.search(raw) is not None or ROLE_LABELS.search(text) is not None
    words = max(text.count(" ") + 1, len(text) // CHARS_PER_WORD) if text else 0
    return SanitizedUtterance(text, garbled, words)
