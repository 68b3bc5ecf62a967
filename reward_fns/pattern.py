"""The pattern reward (eq. 9) for verl: P(real) of a trained discriminator."""

from collections.abc import Sequence

from gsim_env.rewards.pattern import load_discriminator, pattern_reward
from gsim_env.rewards.turns import Turn
from reward_fns.adapter import make_compute_score
from reward_fns.rows import read_turn_to_score

__all__ = ["compute_score"]


def pattern_scores(turns: Sequence[Turn], *, discriminator: str) -> list[float]:
    """Return the pattern reward of each turn: the discriminator's P(real), in [0, 1].

    Args:
        turns: Answers; references are ignored.
        discriminator: As for :func:`~gsim_env.rewards.pattern.load_discriminator`.
    """
    return pattern_reward(turns, load_discriminator(discriminator))


compute_score = make_compute_score(read_turn_to_score, pattern_scores)
