"""CaSiNo: a camper's order of needs (food, water, firewood), predicted from their own words."""

import random
import re
from collections import Counter
from collections.abc import Sequence
from itertools import chain, combinations, product

import numpy as np

from gsim_env.sop.probe import LinearProbe
from gsim_env.util.text import sentences
from gsim_env.util.text_safety import sanitize

SEED, FOLDS = 0, 5

Order = tuple[str, ...]
ITEMS = {"Food": r"foods?|meals?", "Water": r"waters?", "Firewood": r"fire ?woods?|woods?"}
WORDS = {name: re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE) for name, pattern in ITEMS.items()}
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
QUANTITY = 0.25
"""Weight of the quantities asked for (or given away), relative to similarities; not tuned."""


class Camper:
    """One side of a negotiation: their words and, as ``gold``, their secret order of needs."""

    def __init__(self, row: dict) -> None:
        self.id = row["id"]
        self.said = [sanitize(turn["text"]) for turn in row["turns"] if turn["role"] == "customer"]
        order = row["meta"]["customer_profile"]["preference_order"]
        self.gold = tuple(order[level] for level in ("High", "Medium", "Low"))
        self.sentences = list(chain.from_iterable(map(sentences, self.said))) or ["..."]
        self.lines = [
            text for text in self.said if any(words.search(text) for words in WORDS.values())
        ] or self.said

    def quantity(self, item: str) -> float:
        """Return how much of an item they ask for on average, in [-1, 1].

        What they offer to the other side counts negative.
        """
        found = []
        for clause in re.split(r"[.,;!?]|\b(?:and|but|while|if)\b", " ".join(self.said).lower()):
            number = re.search(
                rf"\b({'|'.join(NUMBERS)})\b(?: \w+){{0,3}}? (?:{ITEMS[item]})\b", clause
            )
            if number:
                found.append(
                    NUMBERS[number[1]]
                    / 3
                    * (-1 if re.search(r"\byou(?:r|'ll|'d)?\b", clause) else 1)
                )
        return sum(found) / len(found) if found else 0.0


def folds(campers: Sequence[Camper]) -> list[int]:
    order = list(range(len(campers)))
    random.Random(SEED).shuffle(order)
    fold = [0] * len(campers)
    for place, index in enumerate(order):
        fold[index] = place % FOLDS
    return fold


def majority(campers: Sequence[Camper]) -> list[Order]:
    """Return the most frequent order of the other folds."""
    fold = folds(campers)
    best = [
        Counter(c.gold for c, own in zip(campers, fold, strict=True) if own != n).most_common(1)[0][
            0
        ]
        for n in range(FOLDS)
    ]
    return [best[own] for own in fold]


Near = list[dict[str, tuple[float, float]]]


def similarities(campers: Sequence[Camper], encoder) -> Near:
    """Return the similarity to needing and to not needing each item, by camper."""
    parts = split([camper.sentences for camper in campers], encoder)
    wanted = {item: encoder.encode([text.format(item.lower()) for text in NEED]) for item in ITEMS}
    spare = {
        item: encoder.encode([text.format(item.lower()) for text in NO_NEED]) for item in ITEMS
    }
    return [
        {
            item: (float((part @ wanted[item].T).max()), float((part @ spare[item].T).max()))
            for item in ITEMS
        }
        for part in parts
    ]


def split(texts: Sequence[list[str]], encoder) -> list[np.ndarray]:
    """Embed lists of texts in one batch."""
    vectors = encoder.encode(list(chain.from_iterable(texts)))
    return np.split(vectors, np.cumsum([len(part) for part in texts])[:-1])


def by_prototypes(campers: Sequence[Camper], near: Near) -> list[Order]:
    """Predict without training: need minus no need plus quantities."""
    orders = []
    for camper, own in zip(campers, near, strict=True):
        score = {
            item: own[item][0] - own[item][1] + QUANTITY * camper.quantity(item) for item in ITEMS
        }
        orders.append(tuple(sorted(ITEMS, key=lambda item: -score[item])))
    return orders


def blanked(camper: Camper, item: str) -> list[str]:
    """Return the sentences about an item without the items' names, so items share training data."""
    texts = [
        WORDS[item].sub("this", sentence)
        for sentence in camper.sentences
        if WORDS[item].search(sentence)
    ]
    for other in set(ITEMS) - {item}:
        texts = [WORDS[other].sub("the other", text) for text in texts]
    return texts or ["..."]


def by_probe(campers: Sequence[Camper], near: Near, encoder) -> list[Order]:
    """Predict by a linear probe on sentences and figures, trained on the other folds."""
    about = [blanked(camper, item) for camper, item in product(campers, ITEMS)]
    means = [part.mean(axis=0) for part in split(about, encoder)]
    figures = []

    for camper, own in zip(campers, near, strict=True):
        for item in ITEMS:
            places = [i for i, text in enumerate(camper.sentences) if WORDS[item].search(text)]
            length = len(camper.sentences)
            figures.append(
                [
                    *own[item],
                    camper.quantity(item),
                    len(places) / length,
                    min([*places, length]) / length,
                ]
            )
    rows = np.hstack([means, figures]).astype(np.float32).reshape(len(campers), len(ITEMS), -1)
    levels = np.array(
        [
            [("high", "medium", "low")[camper.gold.index(item)] for item in ITEMS]
            for camper in campers
        ]
    )
    fold, orders = np.array(folds(campers)), [()] * len(campers)

    for own in range(FOLDS):
        probe = LinearProbe(
            levels[fold != own].ravel().tolist(), rows[fold != own].reshape(-1, rows.shape[-1])
        )
        for index in np.flatnonzero(fold == own):
            scores = probe.scores(rows[index])
            wanted = scores[:, probe.names.index("high")] - scores[:, probe.names.index("low")]
            orders[index] = tuple(
                np.array(list(ITEMS))[np.argsort(-wanted, kind="stable")].tolist()
            )
    return orders


def tau(one: Order, other: Order) -> float:
    """Return Kendall's rank correlation."""
    pairs = list(combinations(one, 2))
    return sum(1 if other.index(a) < other.index(b) else -1 for a, b in pairs) / len(pairs)
