"""Objective diversity (section 2.2.2) and common faults of simulated customers, without a judge."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gsim_env.evaluation.metrics.features import CallFeatures
from gsim_env.evaluation.schema import IntervalField, Number, ResultsSection
from gsim_env.groups import Group
from gsim_env.util.stats import ConfidenceInterval, mean_confidence_interval
from gsim_env.util.text import distinct_n, ngrams, split_words

__all__ = [
    "LONG_TURN",
    "SHORT_TURN",
    "DiversityMetrics",
    "HumanCallLengthRange",
    "WindowedResponseSimilarity",
    "distinct_n_within_budget",
    "inter_response_similarity",
    "measure_diversity",
    "outcome_shares",
    "response_similarity_by_window",
    "smallest_ngram_count",
    "turn_length_variance",
    "turn_length_variance_shares",
    "visited_stage_share",
]

IRS_WINDOW = 3
"""Turns in the sliding window of figure 4b."""

MIN_CALLS_PER_WINDOW = 3
"""A window that fewer calls reach is left out of figure 4b."""

SHORT_TURN = 5
"""A turn of at most this many words is short."""

LONG_TURN = 50
"""Turns of more words are rare in real phone calls (appendix E)."""

TAIL = 0.05
"""Share of human calls in either tail: shorter or longer calls are premature or late."""

ENDED_BY_CUSTOMER = frozenset({"declined", "hung_up"})


class DiversityMetrics(ResultsSection):
    """Diversity metrics and fault rates of one method's calls; intervals are over calls.

    Attributes:
        tlv: Turn length variance per call (eq. 2), in words squared.
        irs: Inter-response similarity as a distance per call (eq. 3), in [0, 2].
        snr: Share of the taxonomy's customer stages that a call visits (eq. 4), in (0, 1].
        snr_pooled: The same over all calls together.
        distinct_1: Distinct words divided by all words (Li et al. 2016), in (0, 1].
        distinct_2: Distinct word pairs divided by all word pairs, in (0, 1].
        role_inversion: Share of a call's turns in which the customer speaks as the salesperson.
        leaked: Share of turns that contain parts of a prompt or a model's reasoning.
        repetition: Share of turns that repeat an earlier turn of the call.
        premature_hang_up: Share of calls that the customer ends earlier than people do.
        late_hang_up: Share of calls that last longer than those of people.
        words_per_turn: Mean words per turn of a call.
        short_turns: Share of turns of at most :data:`SHORT_TURN` words.
        long_turns: Share of turns of more than :data:`LONG_TURN` words.
        turns: Turns per call.
        tlv_share: TLV as a share of the sum over methods (figure 4a); NaN for people.
        objective: Mean of ``tlv_share``, ``irs`` and ``snr`` (table 2); NaN for people.
    """

    tlv: IntervalField
    irs: IntervalField
    snr: IntervalField
    snr_pooled: Number
    distinct_1: Number
    distinct_2: Number
    role_inversion: IntervalField
    leaked: IntervalField
    repetition: IntervalField
    premature_hang_up: IntervalField
    late_hang_up: IntervalField
    words_per_turn: IntervalField
    short_turns: IntervalField
    long_turns: IntervalField
    turns: IntervalField
    tlv_share: Number = math.nan
    objective: Number = math.nan


class WindowedResponseSimilarity(ResultsSection):
    """Inter-response similarity (IRS) in the window that ends at a turn (figure 4b)."""

    turn: int
    value: Number
    low: Number
    high: Number
    n: int


@dataclass(frozen=True)
class HumanCallLengthRange:
    """The range of the number of turns that 90 % of human calls fall into.

    Attributes:
        early: Calls of fewer turns are short.
        late: Calls of more turns are long.
    """

    early: float
    late: float

    @classmethod
    def from_calls(cls, people: Sequence[CallFeatures]) -> Self:
        """Return the 5 % and 95 % quantiles of the number of turns of human calls."""
        turns = [len(call.lengths) for call in people]
        return cls(float(np.quantile(turns, TAIL)), float(np.quantile(turns, 1 - TAIL)))


def turn_length_variance(lengths: NDArray[np.int64]) -> float:
    """Return the variance of a call's turn lengths (TLV, eq. 2), in words squared."""
    return float(np.var(lengths))


def inter_response_similarity(call: CallFeatures) -> float:
    """Return one minus the mean cosine of a call's adjacent turns (IRS, eq. 3), in [0, 2].

    A distance: higher is more diverse. NaN for a call of one turn.
    """
    return float(call.adjacent_distances.mean()) if len(call.vectors) > 1 else math.nan


def visited_stage_share(stages: Iterable[str], group: Group) -> float:
    """Return the share of the taxonomy's customer stages that occur (SNR, eq. 4), in (0, 1]."""
    return len(set(stages)) / len(group.taxonomy.customer)


def distinct_n_within_budget(texts: Iterable[str], n: int, budget: int) -> float:
    """Return the share of distinct n-grams (Li et al. 2016) among the first ``budget``, in (0, 1].

    NaN where there is no n-gram.
    """
    return distinct_n(texts, n, budget) or math.nan


def smallest_ngram_count(methods: Iterable[Sequence[CallFeatures]], n: int) -> int:
    """Return the number of n-grams of the method that has the fewest.

    Distinct-n falls as text is added, so all methods are measured over the same number of n-grams.
    """
    counts = []
    for method in methods:
        texts = _customer_texts(method)
        counts.append(sum(len(ngrams(split_words(text), n)) for text in texts))
    return min(counts)


def _customer_texts(calls: Iterable[CallFeatures]) -> Iterable[str]:
    """Return the customer's turns of all calls, in order."""
    return chain.from_iterable(features.call.customer_texts for features in calls)


def response_similarity_by_window(
    calls: Sequence[CallFeatures],
) -> list[WindowedResponseSimilarity]:
    """Return inter-response similarity (IRS) in a sliding window over the turns (figure 4b).

    There is one point per turn t >= 2: the window ends at t, and the mean is over the calls that
    reach t. A turn that fewer than three calls reach is left out.
    """
    longest = max((len(call.vectors) for call in calls), default=0)
    points = []

    for turn in range(2, longest + 1):
        window = slice(max(0, turn - IRS_WINDOW), turn - 1)
        reaching = [call for call in calls if len(call.vectors) >= turn]
        if len(reaching) < MIN_CALLS_PER_WINDOW:
            continue

        distances = [float(call.adjacent_distances[window].mean()) for call in reaching]
        points.append(
            WindowedResponseSimilarity(turn=turn, **mean_confidence_interval(distances)._asdict())
        )

    return points


def measure_diversity(
    calls: Sequence[CallFeatures],
    group: Group,
    limits: HumanCallLengthRange,
    budgets: tuple[int, int],
) -> DiversityMetrics:
    """Return the diversity metrics and fault rates of one method's calls.

    Args:
        calls: The method's calls.
        group: The group.
        limits: How long calls of people are.
        budgets: Numbers of single words and of word pairs for distinct-1 and distinct-2.
    """

    def mean(figure: Callable[[CallFeatures], float | np.floating]) -> ConfidenceInterval:
        return mean_confidence_interval([float(figure(call)) for call in calls])

    texts = list(_customer_texts(calls))
    stages = chain.from_iterable(call.stages for call in calls)

    return DiversityMetrics(
        tlv=mean(lambda call: turn_length_variance(call.lengths)),
        irs=mean(inter_response_similarity),
        snr=mean(lambda call: visited_stage_share(call.stages, group)),
        snr_pooled=visited_stage_share(stages, group),
        distinct_1=distinct_n_within_budget(texts, 1, budgets[0]),
        distinct_2=distinct_n_within_budget(texts, 2, budgets[1]),
        role_inversion=mean(lambda call: call.inverted.mean()),
        leaked=mean(lambda call: call.leaked.mean()),
        repetition=mean(lambda call: call.repeated.mean()),
        premature_hang_up=mean(lambda call: _is_premature(call, limits)),
        late_hang_up=mean(lambda call: len(call.lengths) > limits.late),
        words_per_turn=mean(lambda call: call.lengths.mean()),
        short_turns=mean(lambda call: (call.lengths <= SHORT_TURN).mean()),
        long_turns=mean(lambda call: (call.lengths > LONG_TURN).mean()),
        turns=mean(lambda call: len(call.lengths)),
    )


def _is_premature(call: CallFeatures, limits: HumanCallLengthRange) -> bool:
    """Return whether the customer ended the call earlier than people do."""
    return call.call.outcome in ENDED_BY_CUSTOMER and len(call.lengths) < limits.early


def turn_length_variance_shares(tlv_by_method: dict[str, float]) -> dict[str, float]:
    """Return each method's turn length variance as a share of all methods' sum (figure 4a).

    NaN where no method's turn lengths vary.
    """
    total = sum(tlv_by_method.values())
    return {name: value / total if total else math.nan for name, value in tlv_by_method.items()}


def outcome_shares(outcomes: Sequence[str]) -> dict[str, float]:
    """Return the share of calls that end with each outcome."""
    counts = Counter(outcomes)
    return {name: count / len(outcomes) for name, count in sorted(counts.items())}
