"""Predicting which items a CaSiNo camper needs most, from their utterances and a sentence encoder.

CaSiNo's campers negotiate over food, water and firewood, each with a secret order of preference.
"""

import random
import re
from collections import Counter
from collections.abc import Sequence
from itertools import chain, combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsim_env.sop.probe import LinearProbe
from gsim_env.util.text import split_sentences
from gsim_env.util.text_safety import sanitize_text

SEED, FOLDS = 0, 5

Order = tuple[str, ...]
"""The items, most needed first."""

ITEMS = {"Food": r"foods?|meals?", "Water": r"waters?", "Firewood": r"fire ?woods?|woods?"}
WORDS = {name: re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE) for name, pattern in ITEMS.items()}
LEVELS = ("high", "medium", "low")
NEED = ("I need {} most.", "I really need extra {}.", "{} is my top priority.")
NO_NEED = ("I don't need much {}.", "I already have plenty of {}.", "You can have all the {}.")
NUMBERS = {
    "no": 0,
    "a": 1,
    "one": 1,
    "two": 2,
    "both": 2,
    "three": 3,
    "all": 3,
    "none": 0,
    "0": 0,
    "1": 1,
    "2": 2,
    "3": 3,
}
CLAUSE_END = re.compile(r"[.,;!?]|\b(?:and|but|while|if)\b")
SECOND_PERSON = re.compile(r"\byou(?:r|'ll|'d)?\b")

QUANTITY_WEIGHT = 0.25
"""Weight of a requested quantity (three, minus what the other side gets) relative to similarities.

It was not tuned.
"""

Similarities = dict[str, tuple[float, float]]
"""For each item, the similarity of the nearest sentence to needing it and to not needing it."""


class Camper:
    """One side of a negotiation.

    Attributes:
        id: The dialogue's id.
        utterances: What the camper said.
        gold: The camper's true order of preference.
        sentences: The sentences of the utterances.
        lines: The utterances that name an item, or all if none does.
    """

    def __init__(self, row: dict[str, Any]) -> None:
        """Read one side of a dialogue."""
        order = row["meta"]["customer_profile"]["preference_order"]
        turns = [turn["text"] for turn in row["turns"] if turn["role"] == "customer"]

        self.id = row["id"]
        self.gold: Order = tuple(order[level] for level in ("High", "Medium", "Low"))
        self.utterances = [sanitize_text(text) for text in turns]
        self.sentences = list(chain.from_iterable(map(split_sentences, self.utterances))) or ["..."]
        self.lines = [text for text in self.utterances if names_an_item(text)] or self.utterances

    def quantity(self, item: str) -> float:
        """Return the mean quantity of ``item`` that the camper asks for, in [-1, 1].

        Quantities for the other side count as negative.
        """
        pattern = rf"\b({'|'.join(NUMBERS)})\b(?: \w+){{0,3}}? (?:{ITEMS[item]})\b"
        quantities = []
        for clause in CLAUSE_END.split(" ".join(self.utterances).lower()):
            number = re.search(pattern, clause)
            if number:
                sign = -1 if SECOND_PERSON.search(clause) else 1
                quantities.append(NUMBERS[number[1]] / 3 * sign)
        return sum(quantities) / len(quantities) if quantities else 0.0


def names_an_item(text: str) -> bool:
    """Return whether a text mentions food, water or firewood."""
    return any(words.search(text) for words in WORDS.values())


def folds(campers: Sequence[Camper]) -> list[int]:
    """Return the cross-validation fold of each camper."""
    order = list(range(len(campers)))
    random.Random(SEED).shuffle(order)
    fold = [0] * len(campers)
    for position, index in enumerate(order):
        fold[index] = position % FOLDS
    return fold


def majority(campers: Sequence[Camper]) -> list[Order]:
    """Return for each camper the most frequent order of the other folds."""
    fold = folds(campers)
    best = []
    for held_out in range(FOLDS):
        orders = Counter(
            camper.gold for camper, n in zip(campers, fold, strict=True) if n != held_out
        )
        best.append(orders.most_common(1)[0][0])
    return [best[n] for n in fold]


def similarities(campers: Sequence[Camper], encoder: Any) -> list[Similarities]:
    """Return for each camper the similarities of their nearest sentences to need and no need."""
    parts = split([camper.sentences for camper in campers], encoder)
    need = {item: encoder.encode([text.format(item.lower()) for text in NEED]) for item in ITEMS}
    spare = {
        item: encoder.encode([text.format(item.lower()) for text in NO_NEED]) for item in ITEMS
    }
    return [
        {
            item: (float((part @ need[item].T).max()), float((part @ spare[item].T).max()))
            for item in ITEMS
        }
        for part in parts
    ]


def split(texts: Sequence[Sequence[str]], encoder: Any) -> list[NDArray[np.float32]]:
    """Embed lists of texts as one batch; return one array per list."""
    vectors = encoder.encode(list(chain.from_iterable(texts)))
    return np.split(vectors, np.cumsum([len(part) for part in texts])[:-1])


def by_prototypes(campers: Sequence[Camper], near: Sequence[Similarities]) -> list[Order]:
    """Rank items by need minus no need plus quantity, without training."""
    orders = []
    for camper, similarity in zip(campers, near, strict=True):
        score = {}
        for item in ITEMS:
            need, spare = similarity[item]
            score[item] = need - spare + QUANTITY_WEIGHT * camper.quantity(item)
        orders.append(tuple(sorted(ITEMS, key=lambda item: -score[item])))
    return orders


def anonymized(camper: Camper, item: str) -> list[str]:
    """Return the sentences about ``item`` with all item names replaced.

    This lets one classifier learn from all items.
    """
    texts = [
        WORDS[item].sub("this", sentence)
        for sentence in camper.sentences
        if WORDS[item].search(sentence)
    ]
    for other in set(ITEMS) - {item}:
        texts = [WORDS[other].sub("the other", text) for text in texts]
    return texts or ["..."]


def features(camper: Camper, similarity: Similarities, item: str) -> list[float]:
    """Return numeric features: similarities, quantity, share and first position of mentions."""
    mentions = [i for i, text in enumerate(camper.sentences) if WORDS[item].search(text)]
    length = len(camper.sentences)
    return [
        *similarity[item],
        camper.quantity(item),
        len(mentions) / length,
        min([*mentions, length]) / length,
    ]


def by_probe(campers: Sequence[Camper], near: Sequence[Similarities], encoder: Any) -> list[Order]:
    """Rank items by a linear probe on embeddings and features, fitted on the other folds."""
    # One row per camper and item: the mean embedding of the sentences about it, and the features.
    texts, numbers, levels = [], [], []
    for camper, similarity in zip(campers, near, strict=True):
        for item in ITEMS:
            texts.append(anonymized(camper, item))
            numbers.append(features(camper, similarity, item))
            levels.append(LEVELS[camper.gold.index(item)])
    means = [part.mean(axis=0) for part in split(texts, encoder)]
    shape = (len(campers), len(ITEMS), -1)
    rows = np.hstack([means, numbers]).astype(np.float32).reshape(shape)
    labels = np.array(levels).reshape(shape[:2])

    fold = np.array(folds(campers))
    orders: list[Order] = [()] * len(campers)
    for held_out in range(FOLDS):
        train = fold != held_out
        probe = LinearProbe(labels[train].ravel().tolist(), rows[train].reshape(-1, rows.shape[-1]))
        high, low = probe.names.index("high"), probe.names.index("low")
        for index in np.flatnonzero(~train):
            scores = probe.scores(rows[index])
            ranking = np.argsort(scores[:, low] - scores[:, high], kind="stable")
            orders[index] = tuple(np.array(list(ITEMS))[ranking].tolist())
    return orders


def kendall_tau(a: Order, b: Order) -> float:
    """Return Kendall's rank correlation of two orders, in [-1, 1]."""
    pairs = list(combinations(a, 2))
    agreement = [1 if b.index(first) < b.index(second) else -1 for first, second in pairs]
    return sum(agreement) / len(pairs)
