"""The figures of a group's corpus.

How its customers talk, how its calls go and end, what its stages cover.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from gsim_env.dialogue import Role
from gsim_env.errors import CorpusError
from gsim_env.groups.bundle import Group

__all__ = ["GroupStatistics", "distinct", "group_statistics"]

SHORT = 5
"""A turn of so many words or fewer is short."""

WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class GroupStatistics:
    """The figures.

    Words are separated by whitespace; variances are those of a population; shares lie in [0, 1].

    Attributes:
        calls: Calls of the corpus.
        customer_turns: Their customers' turns.
        words_mean: Words of a customer turn, mean over all turns.
        words_median: Their median.
        words_variance: Their variance.
        short_share: Share of customer turns of five words or fewer.
        question_share: Share of customer turns that hold a question mark.
        turn_length_variance: Raw TLV (eq. 2): the variance of a dialogue's customer turn lengths,
            mean over dialogues.
        distinct_1: Distinct words / words of all customer turns together; a word is a lower-cased
            run of letters.
        distinct_2: The same of word pairs; a pair lies within a turn.
        exchanges_min: Exchanges of the shortest call; a last word that got no answer is none.
        exchanges_median: Their median over calls.
        exchanges_max: Exchanges of the longest call.
        outcomes: Calls by outcome.
        outcomes_by_archetype: The same for each archetype of the group.
        sales_stages: Sales turns by stage, for each stage of the taxonomy.
        customer_stages: Customer turns by stage, likewise.
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


def group_statistics(group: Group) -> GroupStatistics:
    """Return the figures of a group's corpus.

    Raises:
        CorpusError: if it holds no call.
    """
    if not group.calls:
        raise CorpusError(f"{group.path / 'corpus.jsonl'} holds no call.")
    dialogues = [[turn.text for turn in call.customer_turns()] for call in group.calls]
    texts = [text for dialogue in dialogues for text in dialogue]
    lengths = [len(text.split()) for text in texts]
    exchanges = [len(dialogue) for dialogue in dialogues]
    visited = [len({turn.stage for turn in call.customer_turns()} - {None}) for call in group.calls]
    return GroupStatistics(
        calls=len(group.calls),
        customer_turns=len(texts),
        words_mean=float(np.mean(lengths)),
        words_median=float(np.median(lengths)),
        words_variance=float(np.var(lengths)),
        short_share=float(np.mean([length <= SHORT for length in lengths])),
        question_share=float(np.mean(["?" in text for text in texts])),
        turn_length_variance=float(
            np.mean([np.var([len(text.split()) for text in turns]) for turns in dialogues])
        ),
        distinct_1=distinct(texts, 1),
        distinct_2=distinct(texts, 2),
        exchanges_min=min(exchanges),
        exchanges_median=float(np.median(exchanges)),
        exchanges_max=max(exchanges),
        outcomes=outcome_counts(call.outcome for call in group.calls),
        outcomes_by_archetype={
            name: outcome_counts(
                call.outcome for call in group.calls if call.profile.archetype == name
            )
            for name in group.config.archetypes
        },
        sales_stages=stage_counts(group, "sales"),
        customer_stages=stage_counts(group, "customer"),
        stages_visited=float(np.mean(visited)) / len(group.taxonomy.customer),
    )


def distinct(texts: Sequence[str], n: int) -> float:
    """Return distinct-n (Li et al.

    2016): distinct n-grams / n-grams, pooled over ``texts``; 0 where there is none.
    """
    grams = [
        tuple(words[start : start + n])
        for words in (WORD.findall(text.lower()) for text in texts)
        for start in range(len(words) - n + 1)
    ]
    return len(set(grams)) / len(grams) if grams else 0.0


def outcome_counts(outcomes: Iterable[str]) -> dict[str, int]:
    """Return how often each outcome stands there, the most frequent first."""
    return {str(name): count for name, count in Counter(outcomes).most_common()}


def stage_counts(group: Group, role: Role) -> dict[str, int]:
    """Return how many turns of one side are of each stage of the taxonomy, in its order."""
    counts = Counter(turn.stage for call in group.calls for turn in call.turns if turn.role == role)
    return {name: counts[name] for name in group.taxonomy.stages(role)}
