"""Statistics of a group's corpus: turn lengths, outcomes and stages."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

import numpy as np

from gsim_env.dialogue import Role
from gsim_env.errors import CorpusError
from gsim_env.groups.bundle import Group
from gsim_env.util.text import distinct_n

__all__ = ["GroupStatistics", "compute_group_statistics"]

SHORT_WORDS = 5
"""A turn of at most this many words is short."""


@dataclass(frozen=True, slots=True)
class GroupStatistics:
    """Statistics of a customer group's corpus: lengths, diversity, outcomes and stages.

    Words are separated by whitespace; variances are those of a population; shares lie in [0, 1].

    Attributes:
        calls: Number of calls.
        customer_turns: Number of customer turns.
        words_mean: Mean words per customer turn.
        words_median: Median words per customer turn.
        words_variance: Variance of the words per customer turn.
        short_share: Share of customer turns of five words or fewer.
        question_share: Share of customer turns with a question mark.
        turn_length_variance: Raw TLV (eq. 2): the variance of a call's customer turn lengths, mean
            over calls.
        distinct_1: Share of distinct words among all words of customer turns
            (:func:`~gsim_env.util.text.distinct_n`).
        distinct_2: Share of distinct word pairs among all pairs; a pair lies within a turn.
        exchanges_min: Exchanges of the shortest call, without a last sales turn that has no answer.
        exchanges_median: Median exchanges per call.
        exchanges_max: Exchanges of the longest call.
        outcomes: Number of calls by outcome.
        outcomes_by_archetype: Number of calls by archetype of the group, then outcome.
        sales_stages: Number of sales turns by stage of the taxonomy.
        customer_stages: Number of customer turns by stage of the taxonomy.
        stages_visited: Share of the taxonomy's customer stages that a call visits, mean over calls.
    """

    calls: int
    customer_turns: int
    words_mean: float
    words_median: float
    words_variance: float
    short_share: float
    question_share: float
    turn_length_variance: float
    distinct_1: float
    distinct_2: float
    exchanges_min: int
    exchanges_median: float
    exchanges_max: int
    outcomes: dict[str, int]
    outcomes_by_archetype: dict[str, dict[str, int]]
    sales_stages: dict[str, int]
    customer_stages: dict[str, int]
    stages_visited: float


def compute_group_statistics(group: Group) -> GroupStatistics:
    """Compute the statistics of a customer group's corpus.

    Raises:
        CorpusError: if the corpus is empty.
    """
    if not group.calls:
        raise CorpusError(f"{group.path / 'corpus.jsonl'} holds no call.")

    # Texts and word counts of the customers' turns, by call and pooled.
    texts_by_call = [[turn.text for turn in call.customer_turns()] for call in group.calls]
    lengths_by_call = [[len(text.split()) for text in texts] for texts in texts_by_call]
    texts = list(chain.from_iterable(texts_by_call))
    lengths = np.concatenate(lengths_by_call)

    exchanges = [len(texts) for texts in texts_by_call]
    visited = [len({turn.stage for turn in call.customer_turns()} - {None}) for call in group.calls]
    return GroupStatistics(
        calls=len(group.calls),
        customer_turns=len(texts),
        words_mean=float(lengths.mean()),
        words_median=float(np.median(lengths)),
        words_variance=float(lengths.var()),
        short_share=float((lengths <= SHORT_WORDS).mean()),
        question_share=float(np.mean(["?" in text for text in texts])),
        turn_length_variance=float(np.mean([np.var(of_call) for of_call in lengths_by_call])),
        distinct_1=distinct_n(texts, 1),
        distinct_2=distinct_n(texts, 2),
        exchanges_min=min(exchanges),
        exchanges_median=float(np.median(exchanges)),
        exchanges_max=max(exchanges),
        outcomes=_outcome_counts(call.outcome for call in group.calls),
        outcomes_by_archetype=outcome_counts_by_archetype(group),
        sales_stages=_stage_counts(group, "sales"),
        customer_stages=_stage_counts(group, "customer"),
        stages_visited=float(np.mean(visited)) / len(group.taxonomy.customer),
    )


def _outcome_counts(outcomes: Iterable[str]) -> dict[str, int]:
    """Return the number of calls by outcome, the most frequent first."""
    return {str(name): count for name, count in Counter(outcomes).most_common()}


def outcome_counts_by_archetype(group: Group) -> dict[str, dict[str, int]]:
    """Return the number of calls by archetype of the group, then outcome."""
    outcomes: dict[str, list[str]] = defaultdict(list)
    for call in group.calls:
        outcomes[call.profile.archetype].append(call.outcome)
    return {name: _outcome_counts(outcomes[name]) for name in group.config.archetypes}


def _stage_counts(group: Group, role: Role) -> dict[str, int]:
    """Return the number of one side's turns by stage, in the order of the taxonomy."""
    turns = chain.from_iterable(call.turns for call in group.calls)
    counts = Counter(turn.stage for turn in turns if turn.role == role)
    return {name: counts[name] for name in group.taxonomy.stages(role)}
