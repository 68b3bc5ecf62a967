"""What of the salesperson's text reaches the customer's ear."""

from dataclasses import dataclass

from gsim_env.errors import UtteranceError
from gsim_env.plain import CONTROL_TOKENS, ROLE_LABELS, neutralise

__all__ = ["MAX_HEARD", "Heard", "check_utterance", "hear"]

MAX_HEARD = 600
"""Characters of one utterance that a customer listens to (and bytes, half as many again); what follows is not heard."""

LETTERS = 8
"""From how many characters without a space a text counts as more than one word."""


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
