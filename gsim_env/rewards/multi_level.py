"""The multi-level reward (section 3.2.2): the weighted sum of pattern, format and semantic."""

from collections.abc import Sequence
from typing import NamedTuple

from gsim_env.models import Encoder
from gsim_env.rewards.format import format_reward
from gsim_env.rewards.pattern import Discriminator, pattern_reward
from gsim_env.rewards.semantic import DELTA, semantic_reward
from gsim_env.rewards.turns import FLOOR, Turn

__all__ = ["WEIGHTS", "MultiLevel", "Weights", "multi_level"]


class Weights(NamedTuple):
    """What each term counts in the sum."""

    pattern: float
    format: float
    semantic: float


class MultiLevel(NamedTuple):
    """The reward of one answer and its terms, not yet weighted."""

    score: float
    pattern: float
    format: float
    semantic: float


WEIGHTS = Weights(pattern=0.2, format=0.15, semantic=0.65)
"""The paper leaves them open.

Chosen, with delta and the floor, by ``recipes/rewards``: ``results/rewards/report.json``.
"""


def multi_level(
    turns: Sequence[Turn],
    discriminator: Discriminator,
    encoder: Encoder,
    *,
    weights: Weights = WEIGHTS,
    delta: float = DELTA,
    floor: float = FLOOR,
    language: str = "en",
) -> list[MultiLevel]:
    """Return w_pattern r_pattern + w_format r_format + w_semantic r_semantic, with its terms, for
    each turn.

    A fault (:func:`~gsim_env.rewards.turns.fault_of`) has the least of each term: 0, ``floor`` and
    ``floor``.

    Args:
        turns: Answers with their references.
        discriminator: D_phi.
        encoder: phi. One that remembers, and that the discriminator shares, embeds each distinct
            text once.
        weights: w; ``WEIGHTS`` sum to 1, so that the reference itself has P(real) as its only loss.
        delta: The cutoff of the semantic term, in [0, 1).
        floor: The least of the format and of the semantic term.
        language: BCP 47; the unit of length.

    Raises:
        ValueError: if ``delta`` is not in [0, 1).
        SimulatorError: if the encoder or the discriminator fails.
    """
    terms = zip(
        pattern_reward(turns, discriminator),
        format_reward(turns, language=language, floor=floor),
        semantic_reward(turns, encoder, delta=delta, floor=floor),
        strict=True,
    )
    return [
        MultiLevel(sum(w * r for w, r in zip(weights, found, strict=True)), *found)
        for found in terms
    ]
