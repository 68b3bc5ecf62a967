"""The semantic reward (eq. 11) for verl: similarity of the answer's meaning to the human's."""

from collections.abc import Sequence

from gsim_env.models.registry import shared_cached_encoder
from gsim_env.rewards.semantic import DELTA, semantic_reward
from gsim_env.rewards.turns import FLOOR, Turn
from reward_fns.adapter import make_compute_score
from reward_fns.rows import read_turn_to_score

__all__ = ["compute_score"]


def semantic_scores(
    turns: Sequence[Turn], *, encoder: str = "minilm", delta: float = DELTA, floor: float = FLOOR
) -> list[float]:
    """Return the semantic reward of each turn: answer-reference similarity in [``floor``, 1].

    Args:
        turns: Answers with their references.
        encoder: As ``gsim_env.models.registry`` names it.
        delta: The cutoff, in [0, 1).
        floor: The lowest reward.
    """
    return semantic_reward(turns, shared_cached_encoder(encoder), delta=delta, floor=floor)


compute_score = make_compute_score(read_turn_to_score, semantic_scores)
