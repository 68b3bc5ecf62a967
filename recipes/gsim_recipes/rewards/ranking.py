"""Ranking: weights, delta and floor that score human > paraphrase > over-polite > off topic."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gsim_env.models import Encoder
from gsim_env.rewards.format import format_reward
from gsim_env.rewards.multi_level import RewardWeights
from gsim_env.rewards.pattern import Discriminator, pattern_reward
from gsim_env.rewards.semantic import semantic_reward
from gsim_env.rewards.turns import Turn
from gsim_recipes.rewards.probes import KINDS, GradedAnswers

__all__ = [
    "ORDER",
    "RewardSetting",
    "RewardTerms",
    "choose_reward_setting",
    "compute_reward_terms",
    "share_ranked_in_order",
    "share_ranked_in_order_by_pair",
]

Floats = NDArray[np.float64]

ORDER = ("human", *KINDS)
"""Kinds of answers, best first."""

STEPS = 20
"""The grid of weights: multiples of 1/20 that sum to 1, none of them 0.

A term without weight can be gamed.
"""

DELTAS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
FLOORS = (-2.0, -1.0, -0.5, 0.0)


class RewardSetting(NamedTuple):
    """The free parameters of the multi-level reward: term weights, cutoff delta, lower bound."""

    weights: RewardWeights
    delta: float
    floor: float


class RewardTerms(NamedTuple):
    """The unweighted reward terms of the answers to each context, arrays of shape (contexts, 4).

    Columns are in ``ORDER``.
    Format and cosine are before delta and floor; a fault has minus infinity.
    """

    pattern: Floats
    format: Floats
    cosine: Floats

    def scores(self, setting: RewardSetting) -> Floats:
        """Return the multi-level reward of every answer, shape (contexts, 4)."""
        weighted = [
            weight * term
            for weight, term in zip(setting.weights, self.with_setting(setting), strict=True)
        ]
        return sum(weighted, np.zeros(1))

    def with_setting(self, setting: RewardSetting) -> tuple[Floats, Floats, Floats]:
        """Return the pattern, format and semantic terms under a setting's delta and floor."""
        semantic = (self.cosine - setting.delta) / (1.0 - setting.delta)
        return (
            self.pattern,
            np.maximum(setting.floor, self.format),
            np.maximum(setting.floor, semantic),
        )


class _Trial(NamedTuple):
    """A setting that was tried.

    Attributes:
        ranked: Share of contexts that it ranks right.
        least_term: The smallest of weight times standard deviation over the terms.
        setting: The setting.
    """

    ranked: float
    least_term: float
    setting: RewardSetting

    def as_row(self) -> dict[str, Any]:
        """Return the trial as a row of the report."""
        return {
            **self.setting.weights._asdict(),
            "delta": self.setting.delta,
            "floor": self.setting.floor,
            "ranked": self.ranked,
            "least_term": round(self.least_term, 4),
        }


def compute_reward_terms(
    probes: Sequence[GradedAnswers], discriminator: Discriminator, encoder: Encoder, language: str
) -> RewardTerms:
    """Return the pattern, format and semantic terms of human and generated answers."""
    turns: list[Turn] = []
    for probe in probes:
        turns += [probe.human, *(probe.generated[kind] for kind in KINDS)]

    terms = (
        pattern_reward(turns, discriminator),
        format_reward(turns, language=language, floor=-np.inf),
        semantic_reward(turns, encoder, delta=0.0, floor=-np.inf),
    )
    return RewardTerms(*(np.array(term).reshape(-1, len(ORDER)) for term in terms))


def share_ranked_in_order(scores: Floats) -> float:
    """Return the share of contexts scored human > paraphrase > over-polite > off topic."""
    return float(np.mean((np.diff(scores, axis=1) < 0).all(axis=1)))


def share_ranked_in_order_by_pair(scores: Floats) -> Mapping[str, float]:
    """Return the share of contexts with the better answer scored higher, by pair of kinds."""
    return {
        f"{better} > {worse}": float(np.mean(scores[:, index] > scores[:, index + 1]))
        for index, (better, worse) in enumerate(pairwise(ORDER))
    }


def choose_reward_setting(terms: RewardTerms) -> tuple[RewardSetting, list[dict[str, Any]]]:
    """Choose the multi-level reward's weights, delta and floor by a grid search over rankings.

    Returns the chosen setting, and a row for every setting tried, best first.

    Candidates are the settings that rank as many contexts as the best one, or fewer by at most one
    standard error. Of these, the setting with the largest least term is chosen (weight times the
    standard deviation over the answers): a term with little influence can be gamed.
    """
    trials = []
    for setting in _setting_grid():
        spreads = [float(term.std()) for term in terms.with_setting(setting)]
        influences = [
            weight * spread for weight, spread in zip(setting.weights, spreads, strict=True)
        ]
        trials.append(
            _Trial(share_ranked_in_order(terms.scores(setting)), min(influences), setting)
        )

    best = max(trial.ranked for trial in trials)
    standard_error = np.sqrt(best * (1.0 - best) / len(terms.pattern))
    threshold = best - standard_error

    trials.sort(key=lambda trial: (trial.ranked >= threshold, trial.least_term), reverse=True)
    return trials[0].setting, [trial.as_row() for trial in trials]


def _setting_grid() -> Iterator[RewardSetting]:
    """Yield every setting of the grid."""
    for pattern, format_, delta, floor in product(range(1, STEPS), range(1, STEPS), DELTAS, FLOORS):
        semantic = STEPS - pattern - format_
        if semantic > 0:
            weights = RewardWeights(pattern / STEPS, format_ / STEPS, semantic / STEPS)
            yield RewardSetting(weights, delta, floor)
