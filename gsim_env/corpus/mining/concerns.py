"""Concerns: clusters of what customers object, and the sales replies that follow them."""

import numpy as np
from numpy.typing import NDArray

from gsim_env.corpus.mining.clusters import k_means
from gsim_env.corpus.mining.naming import typical_texts
from gsim_env.corpus.mining.sentences import SideFeatures
from gsim_env.corpus.mining.stages import Rows, centroid

__all__ = ["cluster_concerns", "typical_answers"]

USED_SHARE = 0.5
"""Share of the sentences at stages of kind ``concern`` that are clustered: the most typical."""

MAX_ANSWERS = 4
MIN_ANSWER_WORDS = 5

MIN_REPLIES = 3
"""With fewer replies to a concern, all sentences that inform or answer are candidates."""


def cluster_concerns(
    customer: SideFeatures, rows: Rows, scores: NDArray[np.float64], count: int, seed: int
) -> list[Rows]:
    """Return the sentences of each concern, the most frequent concern first.

    Args:
        customer: The customer's side.
        rows: The sentences at stages of kind ``concern``.
        scores: How much each sentence of the side sounds like a concern.
        count: Maximum number of concerns; there are no more than different sentences.
        seed: Seed of the clustering.
    """
    used = rows[scores[rows] >= np.quantile(scores[rows], 1 - USED_SHARE)]
    distinct = len(set(customer.texts(used)))

    labels = k_means(customer.vectors[used], min(count, distinct), seed)
    concerns = [used[labels == label] for label in range(int(labels.max()) + 1)]
    return sorted(concerns, key=len, reverse=True)


def typical_answers(
    customer: SideFeatures,
    concern: Rows,
    sales: SideFeatures,
    answering: Rows,
    average: NDArray[np.float64],
) -> list[str]:
    """Return sales replies to a concern, nearest to its subject first.

    Args:
        customer: The customer's side.
        concern: The customer's sentences that raise the concern.
        sales: The sales side.
        answering: The sales sentences at stages that inform or answer.
        average: The centroid of all concerns; what they have in common is not this one's subject.
    """
    long_enough = [
        row for row in answering if len(sales.sentences[row].text.split()) >= MIN_ANSWER_WORDS
    ]
    candidates = long_enough or list(answering)

    sources = (customer.sentences[row] for row in concern)
    raised = {(sentence.call, sentence.turn) for sentence in sources}
    replies = [row for row in candidates if sales.sentences[row].previous_turn in raised]
    if len(replies) >= MIN_REPLIES:
        candidates = replies

    rows = np.array(candidates, dtype=np.int64)
    subject = centroid(customer, concern) - average
    return typical_texts(sales.texts(rows), sales.vectors[rows], subject, MAX_ANSWERS)
