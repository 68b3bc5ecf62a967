"""Which weights, delta and floor rank answers as they should be.

Human > paraphrase > over-polite > off topic.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise as neighbors
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gsim_env.models import Encoder
from gsim_env.rewards.format import format_reward
from gsim_env.rewards.multi_level import Weights
from gsim_env.rewards.pattern import Discriminator, pattern_reward
from gsim_env.rewards.semantic import semantic_reward
from gsim_env.rewards.turns import Turn
from gsim_recipes.rewards.probes import Probe

__all__ = ["ORDER", "Choice", "Terms", "choose", "from_kind_to_kind", "share_ranked", "terms"]

Floats = NDArray[np.float64]

ORDER = ("human", "paraphrase", "over_polite", "off_topic")

STEPS = 20
"""The weights tried are the multiples of 1/20 that sum to 1, none of them 0.

A term that does not count can be gamed.
"""

DELTAS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
FLOORS = (-2.0, -1.0, -0.5, 0.0)


class Choice(NamedTuple):
    """One setting of the multi-level reward."""

    weights: Weights
    delta: float
    floor: float


class Terms(NamedTuple):
    """The terms of every probe, each of shape (probes, 4), in ``ORDER``.

    Format and semantic have no floor yet.
    """

    pattern: Floats
    format: Floats
    cosine: Floats

    def scores(self, choice: Choice) -> Floats:
        """Return the reward of every answer, shape (probes, 4)."""
        return sum(
            (weight * term for weight, term in zip(choice.weights, self.at(choice), strict=True)),
            np.zeros(1),
        )

    def at(self, choice: Choice) -> tuple[Floats, Floats, Floats]:
        """Return the three terms as a setting has them."""
        semantic = (self.cosine - choice.delta) / (1.0 - choice.delta)
        return (
            self.pattern,
            np.maximum(choice.floor, self.format),
            np.maximum(choice.floor, semantic),
        )


def terms(
    probes: Sequence[Probe], discriminator: Discriminator, encoder: Encoder, language: str
) -> Terms:
    """Return the terms of probes; a fault has minus infinity before it has a floor."""
    turns: list[Turn] = [
        turn
        for probe in probes
        for turn in (probe.human, *(probe.made[kind] for kind in ORDER[1:]))
    ]
    found = (
        pattern_reward(turns, discriminator),
        format_reward(turns, language=language, floor=-np.inf),
        semantic_reward(turns, encoder, delta=0.0, floor=-np.inf),
    )
    return Terms(*(np.array(term).reshape(-1, len(ORDER)) for term in found))


def share_ranked(scores: Floats) -> float:
    """Return in which share of contexts every answer has more than the next."""
    return float(np.mean((np.diff(scores, axis=1) < 0).all(axis=1)))


def choose(found: Terms) -> tuple[Choice, list[dict[str, Any]]]:
    """Return the setting to take, and all that were tried, best first.

    Of the settings that rank as many contexts as the best does, or fewer by at most one standard
    error, the one is taken whose least term counts most (its weight times its spread over the
    answers): what counts little can be gamed.
    """
    tried = []
    for first, second, delta, floor in product(range(1, STEPS), range(1, STEPS), DELTAS, FLOORS):
        if first + second < STEPS:
            weights = Weights(*(part / STEPS for part in (first, second, STEPS - first - second)))
            choice = Choice(weights, delta, floor)
            least = min(
                weight * float(term.std())
                for weight, term in zip(weights, found.at(choice), strict=True)
            )
            tried.append((share_ranked(found.scores(choice)), least, choice))
    best, count = max(share for share, _, _ in tried), len(found.pattern)
    enough = best - np.sqrt(best * (1.0 - best) / count)
    tried.sort(key=lambda one: (one[0] >= enough, one[1]), reverse=True)
    table = [
        {
            **one.weights._asdict(),
            "delta": one.delta,
            "floor": one.floor,
            "ranked": share,
            "least_term": round(least, 4),
        }
        for share, least, one in tried
    ]
    return tried[0][2], table


def from_kind_to_kind(scores: Floats) -> Mapping[str, float]:
    """Return in which share of contexts each answer has more than the next."""
    return {
        f"{better} > {worse}": float(np.mean(scores[:, index] > scores[:, index + 1]))
        for index, (better, worse) in enumerate(neighbors(ORDER))
    }
