"""The multi-level reward (section 3.2.2): weighted sum of pattern, format and semantic reward."""

from collections.abc import Sequence
from typing import NamedTuple

from gsim_env.models import Encoder
from gsim_env.rewards.format import format_reward
from gsim_env.rewards.pattern import Discriminator, pattern_reward
from gsim_env.rewards.semantic import DELTA, semantic_reward
from gsim_env.rewards.turns import FLOOR, Turn

__all__ = ["WEIGHTS", "RewardWeights", "RewardWithTerms", "multi_level"]


class RewardWeights(NamedTuple):
    """The weights of the pattern, format and semantic term in the multi-level reward."""

    pattern: float
    format: float
    semantic: float


class RewardWithTerms(NamedTuple):
    """The multi-level reward of one answer (``score``) and its three unweighted terms."""

    score: float
    pattern: float
    format: float
    semantic: float


WEIGHTS = RewardWeights(pattern=0.2, format=0.15, semantic=0.65)
"""Default weights; the paper gives none.

Chosen together with delta and the floor by a grid search: ``results/rewards/report.json``.
"""


def multi_level(
    turns: Sequence[Turn],
    discriminator: Discriminator,
    encoder: Encoder,
    *,
    weights: RewardWeights = WEIGHTS,
    delta: float = DELTA,
    floor: float = FLOOR,
    language: str = "en",
) -> list[RewardWithTerms]:
    """Return each answer's multi-level reward: weighted sum of pattern, format, semantic reward.

    An answer with a fault (:func:`~gsim_env.rewards.turns.find_answer_fault`) gets the lowest value
    of each term: 0, ``floor`` and ``floor``.

    Args:
        turns: Answers with their references.
        discriminator: D_phi.
        encoder: phi. With a caching encoder that the discriminator shares, each distinct text is
            embedded once.
        weights: w. The defaults sum to 1: a reference as the answer gets
            1 - w_pattern (1 - P(real)).
        delta: The cutoff of the semantic term, in [0, 1).
        floor: The lowest value of the format and of the semantic term.
        language: BCP 47; the unit of length.

    Raises:
        ValueError: if ``delta`` is not in [0, 1).
        SimulatorError: if the encoder or the discriminator fails.
    """
    terms_by_turn = zip(
        pattern_reward(turns, discriminator),
        format_reward(turns, language=language, floor=floor),
        semantic_reward(turns, encoder, delta=delta, floor=floor),
        strict=True,
    )

    rewards = []
    for terms in terms_by_turn:
        score = sum(weight * term for weight, term in zip(weights, terms, strict=True))
        rewards.append(RewardWithTerms(score, *terms))
    return rewards
