"""Fidelity: distances between a method's calls and recorded calls of the simulated customers.

Every distance is also measured between people and other people in the same way: the human-to-human
floor. Intervals resample the method's calls and keep the reference fixed.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

import numpy as np
from numpy.typing import NDArray

from gsim_env.dialogue import Outcome
from gsim_env.evaluation.metrics.features import CallFeatures
from gsim_env.evaluation.schema import ABSENT, IntervalField, ResultsSection
from gsim_env.groups import Group
from gsim_env.rewards.pattern import Discriminator, pattern_reward
from gsim_env.rewards.turns import Turn
from gsim_env.util.stats import ConfidenceInterval, bootstrap_interval, mean_confidence_interval

__all__ = [
    "END",
    "START",
    "FidelityDistances",
    "FidelityMeasurer",
    "classifier_two_sample_accuracy",
    "stage_transition_probabilities",
]

START = "start"
END = "end"
FOLDS = 5
OUTCOMES = [outcome.value for outcome in Outcome]


class FidelityDistances(ResultsSection):
    """Distances of one method's calls from people's calls; NaN where not measured.

    Attributes:
        words_distance: Wasserstein-1 distance of the words per turn, in words.
        c2st_accuracy: Accuracy of a classifier two-sample test, in [0, 1]; 0.5 is ideal.
        p_real: Mean P(real) of the discriminator, in [0, 1]; not a distance. The human floor's is
            of the reference calls themselves.
        stage_distance: Jensen-Shannon distance of the stage transitions, in [0, 1].
        outcome_distance: Total variation distance of the outcomes, in [0, 1].
    """

    words_distance: IntervalField = ABSENT
    c2st_accuracy: IntervalField = ABSENT
    p_real: IntervalField = ABSENT
    stage_distance: IntervalField = ABSENT
    outcome_distance: IntervalField = ABSENT


@dataclass(frozen=True, eq=False)
class FidelityMeasurer:
    """Measures distances between calls and recorded calls of people.

    Attributes:
        group: The group.
        people: The recorded calls: the reference.
        discriminator: D_phi; ``None`` if the group has none.
        seed: Seeds the samples and folds of the classifier two-sample test.
    """

    group: Group
    people: Sequence[CallFeatures]
    discriminator: Discriminator | None
    seed: int = 0

    def measure_distances(self, calls: Sequence[CallFeatures]) -> FidelityDistances:
        """Return all distances between calls and the recorded calls of people."""
        return FidelityDistances(
            words_distance=self.words_distance(calls),
            c2st_accuracy=classifier_two_sample_accuracy(calls, self.people, self.seed),
            p_real=self.p_real(calls),
            stage_distance=self.stage_distance(calls),
            outcome_distance=self.outcome_distance(calls),
        )

    def human_floor(self, others: Sequence[CallFeatures]) -> FidelityDistances:
        """Return the human-to-human floor: distances of other people's calls from the reference.

        P(real) is that of the reference calls, whose customers the methods simulate.

        Args:
            others: Recorded calls of people outside the reference; without any, distances are
                absent.
        """
        floor = self.measure_distances(others) if others else FidelityDistances()
        return floor.model_copy(update={"p_real": self.p_real(self.people)})

    def words_distance(self, calls: Sequence[CallFeatures]) -> ConfidenceInterval:
        """Return the Wasserstein-1 distance of words per turn from people's, in words."""
        from scipy.stats import wasserstein_distance

        people = np.concatenate([call.lengths for call in self.people])
        lengths = [call.lengths for call in calls]

        def distance(rows: NDArray[np.int64]) -> float:
            return float(wasserstein_distance(np.concatenate([lengths[r] for r in rows]), people))

        return bootstrap_interval(len(lengths), distance)

    def p_real(self, calls: Sequence[CallFeatures]) -> ConfidenceInterval:
        """Return the mean P(real) of the customer's turns per call; absent without a discriminator.

        A faulty turn counts 0, as in the pattern reward.
        """
        if self.discriminator is None:
            return ABSENT

        # Score the turns of all calls in one batch, then split the scores by call.
        turns = list(chain.from_iterable(_reward_turns(features) for features in calls))
        scores = np.array(pattern_reward(turns, self.discriminator))
        ends = np.cumsum([len(features.lengths) for features in calls])

        return mean_confidence_interval(
            [float(part.mean()) for part in np.split(scores, ends[:-1])]
        )

    def stage_distance(self, calls: Sequence[CallFeatures]) -> ConfidenceInterval:
        """Return the Jensen-Shannon distance of stage transitions from people's, in [0, 1].

        Logarithms are to base 2. The start and the end of a call count as stages.
        """
        from scipy.spatial.distance import jensenshannon

        names = [START, *self.group.taxonomy.customer, END]
        counts = np.stack([_transition_counts(call, names) for call in calls])
        people = np.sum([_transition_counts(call, names) for call in self.people], axis=0)

        def distance(rows: NDArray[np.int64]) -> float:
            return float(jensenshannon(counts[rows].sum(axis=0), people, base=2))

        return bootstrap_interval(len(counts), distance)

    def outcome_distance(self, calls: Sequence[CallFeatures]) -> ConfidenceInterval:
        """Return the total variation distance of outcome shares from people's, in [0, 1]."""
        outcomes = _one_hot_outcomes(calls)
        people = _one_hot_outcomes(self.people).mean(axis=0)

        def distance(rows: NDArray[np.int64]) -> float:
            return float(np.abs(outcomes[rows].mean(axis=0) - people).sum() / 2)

        return bootstrap_interval(len(outcomes), distance)


def _reward_turns(features: CallFeatures) -> Iterable[Turn]:
    """Return the customer's turns with their contexts, as reward functions take them."""
    messages = features.call.messages
    texts = features.call.customer_texts
    return (Turn(messages[: 2 * t + 1], text) for t, text in enumerate(texts))


def _one_hot_outcomes(calls: Sequence[CallFeatures]) -> NDArray[np.float64]:
    """Return the outcome of each call as a one-hot row, shape (calls, outcomes)."""
    rows = [[features.call.outcome == name for name in OUTCOMES] for features in calls]
    return np.array(rows, dtype=float)


def _transitions_of(call: CallFeatures) -> list[tuple[str, str]]:
    """Return the stage transitions of a call, from :data:`START` to :data:`END`."""
    return list(pairwise([START, *call.stages, END]))


def _transition_counts(call: CallFeatures, names: Sequence[str]) -> NDArray[np.float64]:
    """Return how often each transition occurs in a call, flat, shape (names squared,)."""
    counts = np.zeros((len(names), len(names)))
    for before, after in _transitions_of(call):
        counts[names.index(before), names.index(after)] += 1
    return counts.ravel()


def stage_transition_probabilities(calls: Sequence[CallFeatures]) -> dict[str, dict[str, float]]:
    """Return the transition probabilities between stages: by stage, then next stage.

    The start and the end of a call count as stages; the most frequent transitions come first.
    """
    counts = Counter(chain.from_iterable(_transitions_of(call) for call in calls))
    totals: Counter[str] = Counter()
    for (before, _), count in counts.items():
        totals[before] += count

    probabilities: dict[str, dict[str, float]] = {before: {} for before in totals}
    for (before, after), count in counts.most_common():
        probabilities[before][after] = count / totals[before]
    return probabilities


@dataclass(frozen=True, eq=False)
class _TurnSample:
    """Turns of a method and of people for the classifier two-sample test.

    Attributes:
        features: Sentence vector and logarithm of the length, shape (turns, d + 1).
        real: Whether a person said the turn, shape (turns,).
        customers: The customer of each turn, simulated or real.
        calls: The number of each turn's call, shape (turns,).
    """

    features: NDArray[np.float64]
    real: NDArray[np.bool_]
    customers: NDArray[np.str_]
    calls: NDArray[np.int64]

    def __getitem__(self, rows: NDArray[np.int64]) -> "_TurnSample":
        """Return the turns at some indices."""
        return _TurnSample(
            self.features[rows], self.real[rows], self.customers[rows], self.calls[rows]
        )


def classifier_two_sample_accuracy(
    calls: Sequence[CallFeatures], people: Sequence[CallFeatures], seed: int
) -> ConfidenceInterval:
    """Return the accuracy of a classifier two-sample test (Lopez-Paz and Oquab 2017), in [0, 1].

    A logistic regression on the turn's vector and the logarithm of its length separates a method's
    turns from people's, on equally many turns of each. All calls of one customer, simulated and
    real, are in one cross-validation fold, so the classifier cannot recognize the customer. Absent
    with fewer than two customers.
    """
    rng = np.random.default_rng([seed, 0x25A])
    turns = _balanced_sample(_collect_turns(calls, people), rng)

    folds = min(FOLDS, len(set(turns.customers)))
    if folds < 2:
        return ABSENT

    is_correct = _c2st_predictions(turns, folds, seed) == turns.real

    # Resample whole calls, in their order of appearance.
    correct_by_call = [is_correct[turns.calls == call] for call in dict.fromkeys(turns.calls)]

    def accuracy(rows: NDArray[np.int64]) -> float:
        return float(np.concatenate([correct_by_call[row] for row in rows]).mean())

    return bootstrap_interval(len(correct_by_call), accuracy)


def _collect_turns(calls: Sequence[CallFeatures], people: Sequence[CallFeatures]) -> _TurnSample:
    """Return the customer's turns of all calls: the method's first, then people's."""
    everyone = [*calls, *people]
    turns_per_call = [len(call.lengths) for call in everyone]
    real_by_call = [False] * len(calls) + [True] * len(people)
    customers = [f"{call.call.profile.listing} {call.call.profile.name}" for call in everyone]

    vectors = np.concatenate([call.vectors for call in everyone])
    log_lengths = np.log1p(np.concatenate([call.lengths for call in everyone]))
    return _TurnSample(
        features=np.column_stack([vectors, log_lengths]),
        real=np.repeat(real_by_call, turns_per_call),
        customers=np.repeat(customers, turns_per_call),
        calls=np.repeat(np.arange(len(everyone)), turns_per_call),
    )


def _balanced_sample(turns: _TurnSample, rng: np.random.Generator) -> _TurnSample:
    """Return equally many random turns of the method and of people, in their original order."""
    size = min(int(turns.real.sum()), int((~turns.real).sum()))
    simulated = rng.permutation(np.flatnonzero(~turns.real))[:size]
    real = rng.permutation(np.flatnonzero(turns.real))[:size]
    return turns[np.sort(np.concatenate([simulated, real]))]


def _c2st_predictions(turns: _TurnSample, folds: int, seed: int) -> NDArray[np.bool_]:
    """Return for each turn whether a classifier takes it for a person's, shape (turns,).

    The classifier of a turn has not seen the turn's customer.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    predictions = cross_val_predict(
        classifier, turns.features, turns.real, groups=turns.customers, cv=splitter
    )
    return np.asarray(predictions)
