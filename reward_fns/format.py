"""The format reward (eq. 10): an answer as long as the human's."""

from collections.abc import Mapping, Sequence
from typing import Any

from reward_fns.turns import FLOOR, Turn, fault_of, turn_of

__all__ = ["compute_score", "format_reward", "length"]

UNSPACED = frozenset({"zh", "ja", "th", "lo", "km", "my"})
"""Languages written without spaces between words: their unit of length is the character (DESIGN, formula 10)."""

EPSILON = 1e-6


def format_reward(turns: Sequence[Turn], *, language: str = "en", floor: float = FLOOR) -> list[float]:
    """Return 1 - (|L(y) - L(y*)| / (L(y*) + eps))^2, in [``floor``, 1], for each turn.

    Equation 10 has no lower bound (an answer of ten times the length would get -80), which would drown the other terms
    and the group's other answers: it is clipped. A fault (:func:`~reward_fns.turns.fault_of`) has ``floor``.

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


def compute_score(
    data_source: str,  # noqa: ARG001 - verl's signature
    solution_str: str,
    ground_truth: str,
    extra_info: Mapping[str, Any] | None = None,
    *,
    language: str = "en",
    floor: float = FLOOR,
) -> dict[str, float]:
    """Return the reward as verl calls for it (``reward.custom_reward_function``), for a row of D_sim.

    Raises:
        ConfigurationError: if the row lacks what is needed.
    """
    return {
        "score": format_reward([turn_of(solution_str, ground_truth, extra_info)], language=language, floor=floor)[0]
    }
