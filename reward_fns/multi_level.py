"""The multi-level reward (section 3.2.2) for verl: weighted sum of pattern, format and semantic."""

from collections.abc import Mapping, Sequence

from gsim_env.models.registry import shared_cached_encoder
from gsim_env.rewards.multi_level import WEIGHTS, RewardWeights, multi_level
from gsim_env.rewards.pattern import load_discriminator
from gsim_env.rewards.semantic import DELTA
from gsim_env.rewards.turns import FLOOR, Turn
from reward_fns.adapter import make_compute_score
from reward_fns.rows import read_turn_to_score

__all__ = ["compute_score"]


def multi_level_scores(
    turns: Sequence[Turn],
    *,
    discriminator: str,
    encoder: str = "minilm",
    weights: Mapping[str, float] | None = None,
    delta: float = DELTA,
    floor: float = FLOOR,
    language: str = "en",
) -> list[dict[str, float]]:
    """Return each turn's multi-level reward as ``score``, with its terms by name.

    Args:
        turns: Answers with their references.
        discriminator: As for :func:`~gsim_env.rewards.pattern.load_discriminator`.
        encoder: As ``gsim_env.models.registry`` names it.
        weights: The weights of ``pattern``, ``format`` and ``semantic``, all three; ``None`` for
            the defaults.
        delta: The cutoff of the semantic term, in [0, 1).
        floor: The lowest value of the format and of the semantic term.
        language: BCP 47; the unit of length.

    Raises:
        ConfigurationError: if there is no such discriminator.
        TypeError: if a weight is missing or unknown.
        ValueError: if ``delta`` is not in [0, 1).
        SimulatorError: if the encoder or the discriminator fails.
    """
    rewards = multi_level(
        turns,
        load_discriminator(discriminator),
        shared_cached_encoder(encoder),
        weights=WEIGHTS if weights is None else RewardWeights(**weights),
        delta=delta,
        floor=floor,
        language=language,
    )
    return [reward._asdict() for reward in rewards]


compute_score = make_compute_score(read_turn_to_score, multi_level_scores)
