"""The format reward (eq. 10): an answer as long as the human's."""

from collections.abc import Sequence

from gsim_env.rewards.turns import FLOOR, Turn, fault_of

__all__ = ["format_reward", "length"]

UNSPACED = frozenset({"zh", "ja", "th", "lo", "km", "my"})
"""Languages written without spaces between words.

Their unit of length is the character (docs/architecture.md, "Formulas").
"""

EPSILON = 1e-6


def format_reward(
    turns: Sequence[Turn], *, language: str = "en", floor: float = FLOOR
) -> list[float]:
    """Return 1 - (|L(y) - L(y*)| / (L(y*) + eps))^2, in [``floor``, 1], for each turn.

    Equation 10 has no lower bound (an answer of ten times the length would get -80), which would
    drown the other terms and the group's other answers: it is clipped. A fault
    (:func:`~gsim_env.rewards.turns.fault_of`) has ``floor``.

    Args:
        turns: Answers with their references.
        language: BCP 47; decides whether L counts words or characters.
        floor: The least reward.
    """
    return [floor if fault_of(turn) else max(floor, _deviation(turn, language)) for turn in turns]


def _deviation(turn: Turn, language: str) -> float:
    expected = length(turn.reference, language)
    return 1.0 - ((length(turn.answer, language) - expected) / (expected + EPSILON)) ** 2


def length(text: str, language: str = "en") -> int:
    """Return L: words, or characters without spaces in languages that do not write them."""
    words = text.split()
    return sum(map(len, words)) if language.partition("-")[0].lower() in UNSPACED else len(words)
