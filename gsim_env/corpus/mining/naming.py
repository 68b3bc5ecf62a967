"""Names and examples of clusters without a language model: key words, medoids, typical phrases."""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

__all__ = ["key_words", "typical_texts", "unique_name"]

TOKEN = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
NAME_WORDS = 3
MAX_NAME_LENGTH = 40

NEAR_DUPLICATE = 0.8
"""Cosine similarity from which two examples show the same thing twice."""

EXAMPLE_WORDS = range(2, 31)
"""Words of a good example; shorter and longer ones are used where nothing else is left."""

MIN_EXAMPLES = 3


def typical_texts(
    texts: Sequence[str],
    vectors: NDArray[np.float32],
    centroid: NDArray[np.float64],
    count: int,
) -> list[str]:
    """Return texts near a centroid that differ from each other, nearest first.

    Texts that are too long, too short or near-duplicates are used only to reach three examples. No
    two examples have the same words.

    Args:
        texts: The candidates.
        vectors: phi of each candidate, unit rows.
        centroid: The point that typical texts are near to.
        count: The maximum number of examples.
    """
    order = [int(row) for row in np.argsort(-(vectors @ centroid), kind="stable")]
    chosen: list[int] = []

    def is_good(row: int) -> bool:
        if len(texts[row].split()) not in EXAMPLE_WORDS:
            return False
        return not chosen or float((vectors[chosen] @ vectors[row]).max()) < NEAR_DUPLICATE

    for only_good, limit in ((True, count), (False, min(count, MIN_EXAMPLES))):
        for row in order:
            if len(chosen) >= limit:
                break
            if only_good and not is_good(row):
                continue
            if _key(texts[row]) not in {_key(texts[other]) for other in chosen}:
                chosen.append(row)
    return [texts[row] for row in chosen]


def key_words(medoids: Sequence[str], members: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return the words of each cluster's medoid, most distinctive first.

    A word's weight is the square root of its frequency in the cluster times the logarithm of the
    ratio to its overall frequency: TF-IDF over clusters, which needs no stop words.

    Args:
        medoids: The most typical text of each cluster.
        members: The texts of each cluster.
    """
    counts = [Counter(chain.from_iterable(map(_name_words, texts))) for texts in members]
    overall = sum(counts, Counter[str]())
    total = overall.total()

    result = []
    for medoid, count in zip(medoids, counts, strict=True):
        words = dict.fromkeys(word for word in _name_words(medoid) if not word.isdigit())
        weights = {}
        for word in words:
            share = count[word] / count.total()
            weights[word] = np.sqrt(share) * np.log(share * total / overall[word])
        result.append(sorted(words, key=lambda word: -weights[word]))
    return result


def unique_name(words: Sequence[str], medoid: str, taken: Collection[str]) -> str:
    """Return a readable identifier of the most distinctive words, in the order of the medoid.

    Further words, or else a number, distinguish it from names that are taken.
    """
    medoid_words = _name_words(medoid)
    name = "stage"
    for count in range(NAME_WORDS, max(len(words), NAME_WORDS) + 1):
        ordered = sorted(words[:count], key=medoid_words.index)
        name = "_".join(ordered)[:MAX_NAME_LENGTH].strip("_") or "stage"
        if name not in taken:
            return name

    number = 2
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"


def _name_words(text: str) -> list[str]:
    """Return the words of a text as they may stand in an identifier: no apostrophes."""
    return [re.sub("['\u2019]", "", word) for word in TOKEN.findall(text.casefold())]


def _key(text: str) -> str:
    """Return a text's words, by which duplicates are found."""
    return " ".join(_name_words(text)) or text
