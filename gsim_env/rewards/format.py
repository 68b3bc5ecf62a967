"""The format reward (eq. 10): how close the answer's length is to the human's."""

from collections.abc import Sequence

from gsim_env.rewards.turns import FLOOR, Turn, find_answer_fault
from gsim_env.util.text import count_words

__all__ = ["format_reward"]

EPSILON = 1e-6


def format_reward(
    turns: Sequence[Turn], *, language: str = "en", floor: float = FLOOR
) -> list[float]:
    """Return each answer's format reward: how close its length is to the human's (eq. 10).

    The reward is 1 - (|L(y) - L(y*)| / (L(y*) + eps))^2, in [``floor``, 1].

    Equation 10 has no lower bound: an answer ten times as long as the human's would get -80 and
    outweigh the other terms and the other answers of its GRPO group. It is clipped at ``floor``. A
    fault (:func:`~gsim_env.rewards.turns.find_answer_fault`) gets ``floor``.

    Args:
        turns: Answers with their references.
        language: BCP 47; decides whether L counts words or characters
            (:func:`~gsim_env.util.text.count_words`).
        floor: The lowest reward.
    """
    rewards = []
    for turn in turns:
        reward = floor if find_answer_fault(turn) else max(floor, _length_reward(turn, language))
        rewards.append(reward)
    return rewards


def _length_reward(turn: Turn, language: str) -> float:
    """Return the format reward (eq. 10) without a lower bound, in (-inf, 1]."""
    expected = count_words(turn.reference, language)
    deviation = (count_words(turn.answer, language) - expected) / (expected + EPSILON)
    return 1.0 - deviation**2
