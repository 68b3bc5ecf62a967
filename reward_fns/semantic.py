"""The semantic reward (eq. 11) for verl: does the answer mean what the human's means?"""

from collections.abc import Sequence

from gsim_env.models.registry import shared_encoder
from gsim_env.rewards.semantic import DELTA, semantic_reward
from gsim_env.rewards.turns import FLOOR, Turn
from reward_fns.adapter import verl_score
from reward_fns.rows import read_turn

__all__ = ["compute_score"]


def score(
    turns: Sequence[Turn], *, encoder: str = "minilm", delta: float = DELTA, floor: float = FLOOR
) -> list[dict[str, float]]:
    """Score turns.

    Arguments as for :func:`~gsim_env.rewards.semantic.semantic_reward`, the encoder by name.
    """
    rewards = semantic_reward(turns, shared_encoder(encoder), delta=delta, floor=floor)
    return [{"score": reward} for reward in rewards]


compute_score = verl_score(read_turn, score)
