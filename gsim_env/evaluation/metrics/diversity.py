"""Objective diversity (section 2.2.2), and how calls go wrong.

Figures of one method's calls, without a judge.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsim_env.evaluation.metrics.features import CallFeatures
from gsim_env.evaluation.metrics.intervals import Interval, mean_of
from gsim_env.groups import Group

__all__ = [
    "LONG",
    "SHORT",
    "Limits",
    "distinct",
    "diversity",
    "irs",
    "irs_windows",
    "shares_of_tlv",
    "snr",
    "tlv",
]

WINDOW = 3
"""Turns in the sliding window of figure 4b."""

SHORT, LONG = 5, 50
"""Words.

A turn of at most so many is short; one of more than so many, people on the phone hardly say
(appendix E).
"""

TAIL = 0.05
ENDED_BY_CUSTOMER = frozenset({"declined", "hung_up"})


class Limits:
    """How long calls of people are.

    What is shorter than 19 in 20 of them is premature, what is longer is late.

    Args:
        people: Their calls.
    """

    def __init__(self, people: Sequence[CallFeatures]) -> None:
        """Measure the people."""
        turns = [len(reading.lengths) for reading in people]
        self.early = float(np.quantile(turns, TAIL))
        self.late = float(np.quantile(turns, 1 - TAIL))


def tlv(lengths: NDArray[np.int64]) -> float:
    """Return TLV, the variance of the lengths of a call's turns (eq.

    2), at least 0, in words squared.
    """
    return float(np.var(lengths))


def irs(reading: CallFeatures) -> float:
    """Return IRS, one minus the mean cosine of adjacent answers (eq.

    3), in [0, 2]; NaN for a call of one turn.
    """
    return float(reading.adjacent.mean()) if len(reading.vectors) > 1 else np.nan


def snr(stages: Sequence[str], group: Group) -> float:
    """Return SNR, the share of the taxonomy's customer stages that occur (eq. 4), in (0, 1]."""
    return len(set(stages)) / len(group.taxonomy.customer)


def distinct(texts: Sequence[str], n: int, budget: int) -> float:
    """Return distinct-n, the share of n-grams that are different ones (Li et al. 2016), in (0, 1].

    The more words, the fewer new n-grams: so methods are compared over the same number of them.

    Args:
        texts: Turns.
        n: Words of an n-gram.
        budget: How many n-grams to look at, the first ones; NaN if there are none.
    """
    words = [text.lower().split() for text in texts]
    grams = [tuple(turn[i : i + n]) for turn in words for i in range(len(turn) - n + 1)][:budget]
    return len(set(grams)) / len(grams) if grams else np.nan


def irs_windows(readings: Sequence[CallFeatures]) -> list[tuple[int, Interval]]:
    """Return IRS in a sliding window that ends at turn t, for t from 2 on, over the calls that last
    so long (figure 4b).

    A turn that fewer than three calls reach is left out.
    """
    longest = max((len(reading.vectors) for reading in readings), default=0)
    found = []
    for turn in range(2, longest + 1):
        alive = [
            reading.adjacent[max(0, turn - WINDOW) : turn - 1].mean()
            for reading in readings
            if len(reading.vectors) >= turn
        ]
        if len(alive) > 2:
            found.append((turn, mean_of(alive)))
    return found


def diversity(
    readings: Sequence[CallFeatures], group: Group, limits: Limits, budget: int
) -> dict[str, Any]:
    """Return the figures of a method.

    Intervals over its calls, plain numbers where there is one for all of them.

    Args:
        readings: Its calls.
        group: The cohort.
        limits: Of people's calls.
        budget: For :func:`distinct`.
    """
    turns = [len(reading.lengths) for reading in readings]
    words = [text for reading in readings for text in reading.call.words]
    ended = [reading.call.outcome in ENDED_BY_CUSTOMER for reading in readings]

    def over_turns(flags: Sequence[NDArray[np.bool_]]) -> Interval:
        return mean_of([float(flag.mean()) for flag in flags])

    return {
        "tlv": mean_of([tlv(reading.lengths) for reading in readings]),
        "irs": mean_of([irs(reading) for reading in readings]),
        "snr": mean_of([snr(reading.stages, group) for reading in readings]),
        "snr_pooled": snr([stage for reading in readings for stage in reading.stages], group),
        "distinct_1": distinct(words, 1, budget),
        "distinct_2": distinct(words, 2, budget),
        "role_inversion": over_turns([reading.inverted for reading in readings]),
        "leaked": over_turns([reading.leaked for reading in readings]),
        "repetition": over_turns([reading.repeated for reading in readings]),
        "premature_hang_up": mean_of(
            [float(own and n < limits.early) for own, n in zip(ended, turns, strict=True)]
        ),
        "late_hang_up": mean_of([float(n > limits.late) for n in turns]),
        "words_per_turn": mean_of([float(reading.lengths.mean()) for reading in readings]),
        "short_turns": over_turns([reading.lengths <= SHORT for reading in readings]),
        "long_turns": over_turns([reading.lengths > LONG for reading in readings]),
        "turns": mean_of([float(n) for n in turns]),
    }


def shares_of_tlv(raw: Mapping[str, float]) -> dict[str, float]:
    """Return TLV as shares that sum to 1 over the methods compared (figure 4a).

    NaN where nothing varies.
    """
    total = sum(raw.values())
    return {name: value / total if total else np.nan for name, value in raw.items()}


def shares(outcomes: Sequence[str]) -> dict[str, float]:
    """Return how often each outcome occurs, as shares."""
    return {name: count / len(outcomes) for name, count in sorted(Counter(outcomes).items())}
