"""The sentences that a taxonomy is mined from, with their features for clustering."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from gsim_env.dialogue import Dialogue, Role
from gsim_env.models import Encoder
from gsim_env.sop.index import embed_cached
from gsim_env.util.text import split_sentences
from gsim_env.util.text_safety import sanitize_text

__all__ = ["Sentence", "SideFeatures", "TurnId", "sample_sentences", "side_features"]

MAX_DIALOGUES = 1000
MAX_SENTENCES = 20_000
"""Sizes of the sample: enough for clusters, and embedded within minutes."""

LETTER = re.compile(r"[^\W\d_]")
NEGATION = re.compile(
    r"\b(?:no|not|nope|never|none|nothing|cannot|cant|dont|wont|but|however|unfortunately|without"
    r"|too)\b|n['\u2019]t",
    re.IGNORECASE,
)

POSITION_WEIGHT = 0.5
QUESTION_WEIGHT = 0.5
NEGATION_WEIGHT = 0.5
PREVIOUS_TURN_WEIGHT = 0.4
"""Weights of a cluster's features, relative to the sentence's unit vector.

On PersuasionForGood and the built-in group they give purer clusters than the vectors alone
(``tests/corpus/test_mining.py``); small changes make no difference.
"""

TurnId = tuple[str, int]
"""The id of a dialogue and the number of a turn in it."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a turn.

    Attributes:
        text: The sentence, sanitized.
        role: The speaker.
        call: The id of the dialogue.
        turn: The number of the turn in the dialogue, from 0.
        turns: The number of turns of the dialogue.
    """

    text: str
    role: Role
    call: str
    turn: int
    turns: int

    @property
    def position(self) -> float:
        """The relative position of the turn in the call, in [0, 1]."""
        return self.turn / max(self.turns - 1, 1)

    @property
    def is_question(self) -> bool:
        """Whether the sentence has a question mark."""
        return "?" in self.text or "\uff1f" in self.text

    @property
    def is_negated(self) -> bool:
        """Whether the sentence has a negation (English)."""
        return bool(NEGATION.search(self.text))

    @property
    def previous_turn(self) -> TurnId:
        """The turn before the sentence's turn."""
        return self.call, self.turn - 1


@dataclass(frozen=True, eq=False)
class SideFeatures:
    """All sentences of one role with their vectors and features.

    Attributes:
        role: The speaker.
        sentences: In the order of the sample.
        vectors: phi of each sentence, unit rows, shape (sentences, d).
        features: The features for clustering, shape (sentences, features): the vector, the mean
            vector of the previous turn, position, question and negation.
    """

    role: Role
    sentences: list[Sentence]
    vectors: NDArray[np.float32]
    features: NDArray[np.float32]

    @property
    def distinct_texts(self) -> int:
        """Number of different sentences."""
        return len({sentence.text for sentence in self.sentences})

    def texts(self, rows: Iterable[int]) -> list[str]:
        """Return the texts of some sentences."""
        return [self.sentences[row].text for row in rows]

    def evidence(
        self, concern_turns: frozenset[TurnId] = frozenset()
    ) -> dict[str, NDArray[np.float64]]:
        """Return the evidence for kinds of stages (``stage_kinds.toml``), relative to its mean.

        Args:
            concern_turns: The customer's turns that raise a concern.

        Returns:
            One value per sentence, by name of the evidence.
        """
        rows = [
            (
                sentence.turn < 2,
                sentence.turns - 1 - sentence.turn < 2,
                sentence.position,
                sentence.is_question,
                sentence.is_negated,
                sentence.previous_turn in concern_turns,
            )
            for sentence in self.sentences
        ]

        table = np.array(rows, dtype=np.float64)
        names = ("first", "last", "late", "question", "negation", "after_concern")
        return dict(zip(names, (table - table.mean(axis=0)).T, strict=True))


def sample_sentences(dialogues: Iterable[Dialogue], seed: int) -> list[Sentence]:
    """Return the sentences of randomly drawn dialogues (reservoir sampling).

    Memory holds the drawn dialogues only.
    """
    rng = np.random.default_rng(seed)
    drawn: list[Dialogue] = []
    for number, dialogue in enumerate(dialogues):
        if number < MAX_DIALOGUES:
            drawn.append(dialogue)
        elif (replaced := int(rng.integers(number + 1))) < MAX_DIALOGUES:
            drawn[replaced] = dialogue

    sample: list[Sentence] = []
    for index in rng.permutation(len(drawn)):
        if len(sample) >= MAX_SENTENCES:
            break
        sample += _sentences_of(drawn[index])
    return sample


def side_features(sample: Sequence[Sentence], encoder: Encoder) -> dict[Role, SideFeatures]:
    """Embed the sentences of both sides and compute their features."""
    texts = list(dict.fromkeys(sentence.text for sentence in sample))
    row_of = {text: row for row, text in enumerate(texts)}
    rows = [row_of[sentence.text] for sentence in sample]
    vectors = embed_cached(texts, encoder)[rows]

    turns: dict[TurnId, list[int]] = defaultdict(list)
    for number, sentence in enumerate(sample):
        turns[sentence.call, sentence.turn].append(number)
    turn_vectors = {turn: vectors[numbers].mean(axis=0) for turn, numbers in turns.items()}
    no_turn = np.zeros(vectors.shape[1], dtype=np.float32)

    sides: dict[Role, SideFeatures] = {}
    for role in get_args(Role):
        numbers = [number for number, sentence in enumerate(sample) if sentence.role == role]
        spoken = [sample[number] for number in numbers]
        previous = [turn_vectors.get(sentence.previous_turn, no_turn) for sentence in spoken]
        context = PREVIOUS_TURN_WEIGHT * np.array(previous).reshape(len(spoken), -1)
        features = np.hstack([vectors[numbers], context, _surface_features(spoken)])
        sides[role] = SideFeatures(role, spoken, vectors[numbers], features.astype(np.float32))
    return sides


def _sentences_of(dialogue: Dialogue) -> list[Sentence]:
    result = []
    for number, turn in enumerate(dialogue.turns):
        result += [
            Sentence(text, turn.role, dialogue.id, number, len(dialogue.turns))
            for text in split_sentences(sanitize_text(turn.text))
            if LETTER.search(text)
        ]
    return result


def _surface_features(spoken: Sequence[Sentence]) -> NDArray[np.float64]:
    """Return closeness to both ends of the call, position, question and negation, weighted."""
    rows = [
        (
            POSITION_WEIGHT * np.exp(-(sentence.turn // 2)),
            POSITION_WEIGHT * np.exp(-((sentence.turns - 1 - sentence.turn) // 2)),
            POSITION_WEIGHT * sentence.position,
            QUESTION_WEIGHT * sentence.is_question,
            NEGATION_WEIGHT * sentence.is_negated,
        )
        for sentence in spoken
    ]
    return np.array(rows, dtype=np.float64).reshape(len(rows), 5)
