"""The format reward (eq. 10) for verl: is the answer as long as the human's?"""

from collections.abc import Sequence

from gsim_env.rewards.format import format_reward
from gsim_env.rewards.turns import FLOOR, Turn
from reward_fns.adapter import verl_score
from reward_fns.rows import read_turn

__all__ = ["compute_score"]


def score(
    turns: Sequence[Turn], *, language: str = "en", floor: float = FLOOR
) -> list[dict[str, float]]:
    """Score turns; arguments as for :func:`~gsim_env.rewards.format.format_reward`."""
    return [{"score": reward} for reward in format_reward(turns, language=language, floor=floor)]


compute_score = verl_score(read_turn, score)
