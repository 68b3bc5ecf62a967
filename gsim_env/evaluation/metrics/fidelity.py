"""Fidelity to real people.

How far a method's calls are from recorded calls of the customers that it simulates.

Each distance comes with the floor: people against other people, measured in the same way; no
simulator can be asked for more. Intervals draw the method's calls anew and leave the reference as
it is.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gsim_env.dialogue import Outcome
from gsim_env.evaluation.metrics.features import CallFeatures
from gsim_env.evaluation.metrics.intervals import Interval, bootstrap, mean_of
from gsim_env.groups import Group
from gsim_env.rewards.pattern import Discriminator, pattern_reward
from gsim_env.rewards.turns import Turn
from gsim_env.util.extras import require

__all__ = ["END", "START", "Fidelity", "c2st_accuracy", "transitions"]

START, END = "start", "end"
FOLDS = 5
OUTCOMES = [outcome.value for outcome in Outcome]


@dataclass(frozen=True, eq=False)
class Fidelity:
    """Compares calls with people's.

    Attributes:
        group: The cohort.
        people: Their calls.
        discriminator: D_phi; ``None`` where the group has none.
        seed: Of the samples and folds of the two-sample test.
    """

    group: Group
    people: Sequence[CallFeatures]
    discriminator: Discriminator | None
    seed: int = 0

    def figures(self, readings: Sequence[CallFeatures]) -> dict[str, Interval | None]:
        """Return the distances of some calls from people's.

        Returns:
            ``words_distance``: Wasserstein-1 distance of the words per turn, in words.
            ``c2st_accuracy``: in [0, 1], 0.5 is indistinguishable. ``p_real``: mean P(real) of the
            discriminator, in [0, 1] (not a distance; people's own stands in the floor's row).
            ``stage_distance``: Jensen-Shannon distance of stage transitions, in [0, 1].
            ``outcome_distance``: total variation distance of the outcomes, in [0, 1]. ``None``
            where it cannot be had.
        """
        return {
            "words_distance": self.words_distance(readings),
            "c2st_accuracy": c2st_accuracy(readings, self.people, self.seed),
            "p_real": self.p_real(readings),
            "stage_distance": self.stage_distance(readings),
            "outcome_distance": self.outcome_distance(readings),
        }

    def words_distance(self, readings: Sequence[CallFeatures]) -> Interval:
        """Return the Wasserstein-1 distance of words per turn, in words (``scipy.stats.wasserstein_distance``)."""
        distance = require("scipy.stats", "evaluation").wasserstein_distance
        people = np.concatenate([reading.lengths for reading in self.people])
        own = [reading.lengths for reading in readings]
        return bootstrap(
            len(own),
            lambda rows: float(distance(np.concatenate([own[row] for row in rows]), people)),
        )

    def p_real(self, readings: Sequence[CallFeatures]) -> Interval | None:
        """Return the mean P(real) of the customer's turns, call by call.

        A faulty turn counts 0, as in the pattern reward.
        """
        if self.discriminator is None:
            return None
        calls = [reading.call for reading in readings]
        turns = [
            Turn(call.messages[: 2 * t + 1], text)
            for call in calls
            for t, text in enumerate(call.words)
        ]
        found = iter(pattern_reward(turns, self.discriminator))
        return mean_of([float(np.mean([next(found) for _ in call.turns])) for call in calls])

    def stage_distance(self, readings: Sequence[CallFeatures]) -> Interval:
        """Return the Jensen-Shannon distance (base 2) between the frequencies of stage transitions, start and end included."""
        distance = require("scipy.spatial.distance", "evaluation").jensenshannon
        names = [START, *self.group.taxonomy.customer, END]
        own = np.stack([counted(reading, names) for reading in readings])
        people = np.sum([counted(reading, names) for reading in self.people], axis=0)
        return bootstrap(
            len(own), lambda rows: float(distance(own[rows].sum(axis=0), people, base=2))
        )

    def outcome_distance(self, readings: Sequence[CallFeatures]) -> Interval:
        """Return the total variation distance between the shares of outcomes."""
        own, people = (
            np.array(
                [[reading.call.outcome == name for name in OUTCOMES] for reading in some],
                dtype=float,
            )
            for some in (readings, self.people)
        )
        return bootstrap(
            len(own),
            lambda rows: float(np.abs(own[rows].mean(axis=0) - people.mean(axis=0)).sum() / 2),
        )


def steps(reading: CallFeatures) -> list[tuple[str, str]]:
    """Return the stage transitions of a call."""
    return list(pairwise([START, *reading.stages, END]))


def counted(reading: CallFeatures, names: Sequence[str]) -> NDArray[np.float64]:
    """Return how often each transition occurs in a call, flat, shape (names squared,)."""
    counts = np.zeros((len(names), len(names)))
    for before, after in steps(reading):
        counts[names.index(before), names.index(after)] += 1
    return counts.ravel()


def transitions(readings: Sequence[CallFeatures]) -> dict[str, dict[str, float]]:
    """Return for each stage, and :data:`START`, the share of times that each next one follows, or :data:`END`."""
    counts = Counter(step for reading in readings for step in steps(reading))
    totals = Counter({before: 0 for before, _ in counts})
    for (before, _), count in counts.items():
        totals[before] += count
    found: dict[str, dict[str, float]] = {before: {} for before in totals}
    for (before, after), count in counts.most_common():
        found[before][after] = count / totals[before]
    return found


def c2st_accuracy(
    readings: Sequence[CallFeatures], people: Sequence[CallFeatures], seed: int
) -> Interval | None:
    """Return how often a classifier tells a method's turns from people's, in [0, 1] (Lopez-Paz and
    Oquab 2017).

    A logistic regression on the turn's vector and the logarithm of its length, on as many turns of
    either, by five-fold cross-validation in which a customer's calls, simulated and real, fall into
    one fold: it learns who is a person, not who is a baker. ``None`` where there are fewer than two
    folds of customers.
    """
    rng = np.random.default_rng([seed, 0x25A])
    turns = [
        (
            np.append(vector, np.log1p(length)),
            real,
            f"{reading.call.profile.listing} {reading.call.profile.name}",
            number,
        )
        for real, some in ((False, readings), (True, people))
        for number, reading in enumerate(some)
        for vector, length in zip(reading.vectors, reading.lengths, strict=True)
    ]
    real = np.array([turn[1] for turn in turns])
    size = min(int(real.sum()), int((~real).sum()))
    kept = np.sort(
        np.concatenate(
            [rng.permutation(np.flatnonzero(real == side))[:size] for side in (False, True)]
        )
    )
    turns = [turns[index] for index in kept]
    customers = [turn[2] for turn in turns]
    folds = min(FOLDS, len(set(customers)))
    if folds < 2:
        return None
    right = c2st_predictions(
        np.array([turn[0] for turn in turns]), real[kept], customers, folds, seed
    )
    calls = [(turn[1], turn[3]) for turn in turns]
    own = [
        right[[call == (side, number) for call in calls]] for side, number in dict.fromkeys(calls)
    ]
    return bootstrap(
        len(own), lambda rows: float(np.concatenate([own[row] for row in rows]).mean())
    )


def c2st_predictions(
    features: NDArray[np.float64],
    real: NDArray[np.bool_],
    customers: Sequence[str],
    folds: int,
    seed: int,
) -> NDArray[np.bool_]:
    """Return which turns a classifier that has not seen their customer takes for what they are, shape (turns,)."""
    linear, selection = (
        require("sklearn.linear_model", "evaluation"),
        require("sklearn.model_selection", "evaluation"),
    )
    scaler, pipeline = (
        require("sklearn.preprocessing", "evaluation"),
        require("sklearn.pipeline", "evaluation"),
    )
    machine = pipeline.make_pipeline(
        scaler.StandardScaler(), linear.LogisticRegression(C=0.01, max_iter=1000)
    )
    split = selection.StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    found = selection.cross_val_predict(machine, features, real, groups=customers, cv=split)
    return np.asarray(found == real)
