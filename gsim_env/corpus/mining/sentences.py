"""What a taxonomy is mined from.

The sentences of each side, with their places in their calls and what came before.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from gsim_env.corpus.style_features import sentences
from gsim_env.dialogue import Dialogue, Role
from gsim_env.models import Encoder
from gsim_env.sop.index import embed_cached
from gsim_env.util.text_safety import sanitize

__all__ = ["Sentence", "Side", "read_sides", "sample"]

DIALOGUES, SENTENCES = 1000, 20_000
"""At most so many dialogues are drawn, and of them so many sentences kept.

Enough for clusters, minutes to embed.
"""

LETTER = re.compile(r"[^\W\d_]")
NEGATION = re.compile(
    r"\b(?:no|not|nope|never|none|nothing|cannot|cant|dont|wont|but|however|unfortunately|without|too)\b|n['\u2019]t",
    re.IGNORECASE,
)

POSITION, QUESTION, NEGATED, BEFORE = 0.5, 0.5, 0.5, 0.4
"""Weights of a cluster's features beside the sentence's unit vector. On PersuasionForGood and the
built-in group they give purer clusters than the vectors alone (tests/corpus/test_mining.py); a
little more or less makes no difference."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a turn.

    Attributes:
        text: Its words, without control tokens.
        role: Who says it.
        call: Its dialogue's id.
        turn: The number of its turn in the dialogue.
        turns: How many turns the dialogue has.
    """

    text: str
    role: Role
    call: str
    turn: int
    turns: int

    @property
    def late(self) -> float:
        """How far into the call it is, 0 to 1."""
        return self.turn / max(self.turns - 1, 1)

    @property
    def asks(self) -> bool:
        """Whether it has a question mark."""
        return "?" in self.text or "\uff1f" in self.text


@dataclass(frozen=True, eq=False)
class Side:
    """All sentences of one role, as vectors.

    Attributes:
        role: Whose.
        sentences: In the order of the sample.
        vectors: Unit rows of phi, one a sentence.
        features: What is clustered: the vectors, place, question, negation, and the mean vector of
            the turn before.
    """

    role: Role
    sentences: list[Sentence]
    vectors: NDArray[np.float32]
    features: NDArray[np.float32]

    @property
    def different(self) -> int:
        """How many different sentences there are."""
        return len({sentence.text for sentence in self.sentences})

    def evidence(
        self, concerning: frozenset[tuple[str, int]] = frozenset()
    ) -> dict[str, NDArray[np.float64]]:
        """Return the evidence that ``kinds.toml`` names, for each sentence, as it differs from the
        average one.

        Args:
            concerning: Dialogue and number of each of the customer's turns that raises a concern.
        """
        rows = [
            (
                sentence.turn < 2,
                sentence.turns - 1 - sentence.turn < 2,
                sentence.late,
                sentence.asks,
                bool(NEGATION.search(sentence.text)),
                (sentence.call, sentence.turn - 1) in concerning,
            )
            for sentence in self.sentences
        ]
        table = np.array(rows, dtype=np.float64)
        names = ("first", "last", "late", "question", "negation", "after_concern")
        return dict(zip(names, (table - table.mean(axis=0)).T, strict=True))


def sample(dialogues: Iterable[Dialogue], seed: int) -> list[Sentence]:
    """Return the sentences of dialogues drawn at random.

    Memory holds the drawn ones only, however many there are.
    """
    rng = np.random.default_rng(seed)
    drawn: list[Dialogue] = []
    for number, dialogue in enumerate(dialogues):
        if number < DIALOGUES:
            drawn.append(dialogue)
        elif (place := int(rng.integers(number + 1))) < DIALOGUES:
            drawn[place] = dialogue
    found: list[Sentence] = []
    for place in rng.permutation(len(drawn)):
        if len(found) >= SENTENCES:
            break
        found += _sentences(drawn[place])
    return found


def _sentences(dialogue: Dialogue) -> list[Sentence]:
    return [
        Sentence(text, turn.role, dialogue.id, number, len(dialogue.turns))
        for number, turn in enumerate(dialogue.turns)
        for text in sentences(sanitize(turn.text))
        if LETTER.search(text)
    ]


def read_sides(found: list[Sentence], encoder: Encoder) -> dict[Role, Side]:
    """Embed the sentences of both sides."""
    texts = list(dict.fromkeys(sentence.text for sentence in found))
    row = {text: number for number, text in enumerate(texts)}
    vectors = embed_cached(texts, encoder)[[row[sentence.text] for sentence in found]]
    turns: dict[tuple[str, int], list[int]] = defaultdict(list)
    for number, sentence in enumerate(found):
        turns[sentence.call, sentence.turn].append(number)
    meant = {turn: vectors[numbers].mean(axis=0) for turn, numbers in turns.items()}
    nothing = np.zeros(vectors.shape[1], dtype=np.float32)
    sides: dict[Role, Side] = {}
    for role in get_args(Role):
        numbers = [number for number, sentence in enumerate(found) if sentence.role == role]
        own = [found[number] for number in numbers]
        before = [meant.get((sentence.call, sentence.turn - 1), nothing) for sentence in own]
        parts = (vectors[numbers], BEFORE * np.array(before).reshape(len(own), -1), _places(own))
        sides[role] = Side(role, own, vectors[numbers], np.hstack(parts).astype(np.float32))
    return sides


def _places(own: list[Sentence]) -> NDArray[np.float64]:
    """Return nearness to both ends of the call, by exchanges, and place, question and negation, weighted."""
    rows = [
        (
            POSITION * np.exp(-(sentence.turn // 2)),
            POSITION * np.exp(-((sentence.turns - 1 - sentence.turn) // 2)),
            POSITION * sentence.late,
            QUESTION * sentence.asks,
            NEGATED * bool(NEGATION.search(sentence.text)),
        )
        for sentence in own
    ]
    return np.array(rows, dtype=np.float64).reshape(len(rows), 5)
