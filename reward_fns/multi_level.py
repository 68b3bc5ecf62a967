"""The multi-level reward (section 3.2.2): the weighted sum of pattern, format and semantic."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from gsim_env.models import Encoder
from gsim_env.models.batching import Batcher
from gsim_env.models.registry import shared_encoder
from reward_fns.format import format_reward
from reward_fns.pattern import Discriminator, load_discriminator, pattern_reward
from reward_fns.semantic import DELTA, semantic_reward
from reward_fns.turns import FLOOR, Turn, turn_of

__all__ = ["WEIGHTS", "MultiLevel", "Weights", "compute_score", "multi_level"]


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
"""The paper leaves them open. Chosen, with delta and the floor, by ``recipes/rewards``: ``results/rewards/report.json``."""


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
    """Return w_pattern r_pattern + w_format r_format + w_semantic r_semantic, with its terms, for each turn.

    A fault (:func:`~reward_fns.turns.fault_of`) has the least of each term: 0, ``floor`` and ``floor``.

    Args:
        turns: Answers with their references.
        discriminator: D_phi.
        encoder: phi. One that remembers, and that the discriminator shares, embeds each distinct text once.
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
    return [MultiLevel(sum(w * r for w, r in zip(weights, found, strict=True)), *found) for found in terms]


async def compute_score(
    data_source: str,  # noqa: ARG001 - verl's signature
    solution_str: str,
    ground_truth: str,
    extra_info: Mapping[str, Any] | None = None,
    *,
    discriminator: str,
    encoder: str = "minilm",
    weights: Mapping[str, float] | None = None,
    delta: float = DELTA,
    floor: float = FLOOR,
    language: str = "en",
) -> dict[str, float]:
    """Return the reward as verl calls for it (``reward.custom_reward_function``), for a row of D_sim.

    verl asks for many answers at a time, each in a call of its own: those that wait together are judged as one batch.

    Args:
        data_source: Not looked at.
        solution_str: y.
        ground_truth: y*.
        extra_info: Of the row.
        discriminator: As for :func:`~reward_fns.pattern.load_discriminator`.
        encoder: As ``gsim_env.models.registry`` names it.
        weights: Of ``pattern``, ``format`` and ``semantic``; all of them, or ``None`` for ``WEIGHTS``.
        delta: The cutoff of the semantic term, in [0, 1).
        floor: The least of the format and of the semantic term.
        language: BCP 47; the unit of length.

    Returns:
        ``score``, and each term under its name: verl logs them as metrics.

    Raises:
        ConfigurationError: if the row lacks what is needed, or there is no such discriminator.
        TypeError: if a weight is missing or unknown.
        ValueError: if ``delta`` is not in [0, 1).
        SimulatorError: if the encoder or the discriminator fails.
    """
    turn = turn_of(solution_str, ground_truth, extra_info)
    chosen = WEIGHTS if weights is None else Weights(**weights)
    return (await judge(discriminator, encoder, chosen, delta, floor, language)(turn))._asdict()


@lru_cache(maxsize=8)
def judge(
    discriminator: str, encoder: str, weights: Weights, delta: float, floor: float, language: str
) -> Batcher[Turn, MultiLevel]:
    """Return what judges the turns that wait together, shared within the process."""
    model, phi = load_discriminator(discriminator), shared_encoder(encoder)
    return Batcher(
        lambda turns: multi_level(turns, model, phi, weights=weights, delta=delta, floor=floor, language=language)
    )
