"""Concerns.

What customers raise at stages of that kind, by subject, and what salespeople said next.
"""

import numpy as np
from numpy.typing import NDArray

from gsim_env.corpus.mining.clusters import k_means
from gsim_env.corpus.mining.naming import typical
from gsim_env.corpus.mining.sentences import Side
from gsim_env.corpus.mining.stages import center

__all__ = ["answers_to", "find_concerns"]

TELLING = 0.5
"""The share of the sentences at stages of kind ``concern`` that is used.

Those that sound most like one.
"""

ANSWERS = 4
WORDS_OF_AN_ANSWER = 5
FEWEST_ANSWERS = 3
"""Below so many sentences that followed, any other that informs or answers is looked at, too."""


def find_concerns(
    customer: Side, rows: NDArray[np.int64], sounding: NDArray[np.float64], count: int, seed: int
) -> list[NDArray[np.int64]]:
    """Return the rows of each concern, the most frequent first.

    Args:
        customer: The customer's side.
        rows: The sentences at stages of kind ``concern``.
        sounding: How much each sentence of the side sounds like a concern.
        count: How many concerns, at most: there are no more than different sentences.
        seed: Of the clustering.
    """
    telling = rows[sounding[rows] >= np.quantile(sounding[rows], 1 - TELLING)]
    different = len({customer.sentences[row].text for row in telling})
    labels = k_means(customer.vectors[telling], min(count, different), seed)
    found = [telling[labels == label] for label in range(int(labels.max()) + 1)]
    return sorted(found, key=len, reverse=True)


def answers_to(
    customer: Side,
    rows: NDArray[np.int64],
    sales: Side,
    answering: NDArray[np.int64],
    others: NDArray[np.float64],
) -> list[str]:
    """Return what salespeople said next, the nearest to the concern first.

    Args:
        customer: The customer's side.
        rows: The sentences that raise the concern.
        sales: The sales side.
        answering: The rows of the sales side at stages that inform or answer.
        others: What customers' concerns have in common, which makes no answer the nearest to this
            one.
    """
    raised = {(customer.sentences[row].call, customer.sentences[row].turn + 1) for row in rows}
    possible = [
        row for row in answering if len(sales.sentences[row].text.split()) >= WORDS_OF_AN_ANSWER
    ]
    possible = possible or list(answering)
    next_said = [
        row for row in possible if (sales.sentences[row].call, sales.sentences[row].turn) in raised
    ]
    chosen = np.array(next_said if len(next_said) >= FEWEST_ANSWERS else possible, dtype=np.int64)
    subject = center(customer, rows) - others
    return typical(
        [sales.sentences[row].text for row in chosen], sales.vectors[chosen], subject, ANSWERS
    )
