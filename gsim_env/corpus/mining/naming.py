"""What a cluster is called and shown by.

Key words for a name, its medoid, and phrases that are typical yet differ.
"""

import re
from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["free_name", "key_words", "typical"]

TOKEN = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
NAME_WORDS = 3
NAME_LENGTH = 40

ALIKE = 0.8
"""Cosine similarity from which two examples show the same thing twice."""

LENGTHS = range(2, 31)
"""Words of a good example; shorter and longer ones are taken where there is nothing else."""


def typical(
    texts: Sequence[str],
    vectors: NDArray[np.float32],
    center: NDArray[np.float64],
    count: int,
    *,
    alike: float = ALIKE,
) -> list[str]:
    """Return up to ``count`` of ``texts``, the nearest to ``center`` first, none of them much like
    one before it.

    Too long, too short and near-duplicate ones make up what is missing to three; the same words are
    never there twice.
    """
    order = np.argsort(-(vectors @ center), kind="stable")
    chosen: list[int] = []
    for strict in (True, False):
        for row in map(int, order):
            if len(chosen) >= (count if strict else min(count, 3)):
                break
            if strict and len(texts[row].split()) not in LENGTHS:
                continue
            if strict and chosen and float((vectors[chosen] @ vectors[row]).max()) >= alike:
                continue
            if _plain(texts[row]) not in {_plain(texts[own]) for own in chosen}:
                chosen.append(row)
    return [texts[row] for row in chosen]


def key_words(medoids: Sequence[str], members: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return the words of each cluster's medoid that tell it from the other clusters, the most
    telling first.

    A word's weight is the root of its frequency in the cluster times the logarithm of how much
    higher that is than overall: TF-IDF over clusters, which needs no list of stop words.
    """
    counts = [Counter(word for text in texts for word in _words(text)) for texts in members]
    everywhere = sum(counts, Counter[str]())
    total = everywhere.total()
    found = []
    for medoid, count in zip(medoids, counts, strict=True):
        own = dict.fromkeys(word for word in _words(medoid) if not word.isdigit())
        share = {word: count[word] / count.total() for word in own}
        weight = {
            word: np.sqrt(share[word]) * np.log(share[word] * total / everywhere[word])
            for word in own
        }
        found.append(sorted(own, key=lambda word: -weight[word]))
    return found


def free_name(words: Sequence[str], medoid: str, taken: Collection[str]) -> str:
    """Return a readable identifier of the most telling words, in the order in which the medoid has
    them.

    If it is taken, further words or else a number tell it apart.
    """
    place = {word: number for number, word in reversed(list(enumerate(_words(medoid))))}
    for count in range(NAME_WORDS, max(len(words), NAME_WORDS) + 1):
        name = (
            "_".join(sorted(words[:count], key=place.__getitem__))[:NAME_LENGTH].strip("_")
            or "stage"
        )
        if name not in taken:
            return name
    return next(
        f"{name}_{number}" for number in range(2, len(taken) + 3) if f"{name}_{number}" not in taken
    )


def _words(text: str) -> list[str]:
    return [re.sub("['\u2019]", "", word) for word in TOKEN.findall(text.casefold())]


def _plain(text: str) -> str:
    return " ".join(_words(text)) or text
