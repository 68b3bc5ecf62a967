"""Stage annotation by a classifier trained on few labels: what is said, and what is said around it, by both sides.

A dialogue is a sequence of segments: turns, or sentences of turns where labels are per sentence. Annotation happens after
the call, so what comes next is evidence too: an answer shows that there was a question.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any, NamedTuple, Self

import numpy as np

from gsim_env.dialogue import Dialogue, Role
from gsim_env.errors import CorpusError
from gsim_env.models import Encoder
from gsim_env.models.extras import require

__all__ = ["Segment", "StageClassifier"]

AROUND = 0.5
"""Weight of the features of what is said around a segment; those of the segment itself have 1."""

INVERSE_REGULARISATION = 0.15
"""C of the linear support vector machine. Both were chosen by five folds over PersuasionForGood's annotated dialogues."""

WORDS = {"ngram_range": (1, 2), "sublinear_tf": True, "token_pattern": r"\w+(?:'\w+)?|[^\w\s]"}
LETTERS = {"analyzer": "char_wb", "ngram_range": (2, 5), "sublinear_tf": True}
FEW = 500
"""With fewer examples than that, n-grams that stand there once count too."""


class Segment(NamedTuple):
    """A stretch of speech by one side, with its stage where it is labelled."""

    role: Role
    text: str
    stage: str | None = None


class Window(NamedTuple):
    """A segment, what is said around it (empty where there is nothing), and where it stands.

    Attributes:
        text: The segment.
        previous: The segment before it in the same turn.
        following: The one after it.
        before: The turn of the other side before it.
        before_last: The last segment of that.
        after: The turn of the other side after it.
        after_first: The first segment of that.
        place: Place in the dialogue and in the turn, and length, each about 0 to 1.
    """

    text: str
    previous: str = ""
    following: str = ""
    before: str = ""
    before_last: str = ""
    after: str = ""
    after_first: str = ""
    place: tuple[float, ...] = (0.0,) * 15


class StageClassifier:
    """A linear support vector machine over sentence embeddings, word and letter n-grams, and places.

    Args:
        encoder: phi.
        role: Whose segments are classified.
    """

    def __init__(self, encoder: Encoder, role: Role) -> None:
        """Make a classifier that has not been fitted."""
        self._encoder, self._role = encoder, role
        self._ngrams: list[tuple[str, Any]] = []
        self._machine: Any = None

    def fit(self, dialogues: Iterable[Dialogue], phrases: Sequence[tuple[str, str]] = ()) -> Self:
        """Fit to the turns of ``dialogues`` that carry a stage, and to ``phrases``: (text, stage) without a context.

        Raises:
            CorpusError: if that gives fewer than two stages.
        """
        return self.fit_segments([segments_of(dialogue) for dialogue in dialogues], phrases)

    def fit_segments(self, sequences: Sequence[Sequence[Segment]], phrases: Sequence[tuple[str, str]] = ()) -> Self:
        """As :meth:`fit`, with the segments given."""
        examples = [
            (window, segment.stage)
            for sequence in sequences
            for segment, window in zip(sequence, windows(sequence), strict=True)
            if segment.role == self._role and segment.stage is not None
        ]
        examples += [(Window(text), stage) for text, stage in phrases]
        stages = [stage for _, stage in examples]
        if len(set(stages)) < 2:
            raise CorpusError(
                f"The {self._role} turns have {len(set(stages))} labelled stages and a classifier needs two. Label some turns, "
                "or give the stages of the taxonomy examples."
            )
        around = [window for window, _ in examples]
        self._ngrams = [
            (name, ngrams(options, said))
            for name, options in ((Window._fields[0], LETTERS), *((name, WORDS) for name in Window._fields[:-1]))
            if any(said := [getattr(window, name) for window in around])
        ]
        machine = require("sklearn.svm", "corpus").LinearSVC(
            C=INVERSE_REGULARISATION, class_weight="balanced", random_state=0
        )
        self._machine = machine.fit(self._features(around), stages)
        return self

    def annotate(self, dialogues: Sequence[Dialogue]) -> list[Dialogue]:
        """Return the dialogues with a stage at every turn of this side; given ones are kept."""
        found = self.predict([segments_of(dialogue) for dialogue in dialogues])
        return [
            dialogue.model_copy(
                update={
                    "turns": tuple(
                        turn if stage is None or turn.stage is not None else turn.model_copy(update={"stage": stage})
                        for turn, stage in zip(dialogue.turns, stages, strict=True)
                    )
                }
            )
            for dialogue, stages in zip(dialogues, found, strict=True)
        ]

    def predict(self, sequences: Sequence[Sequence[Segment]]) -> list[list[str | None]]:
        """Return the stage of each segment of this side; ``None`` for the other's."""
        wanted = [
            window
            for sequence in sequences
            for segment, window in zip(sequence, windows(sequence), strict=True)
            if segment.role == self._role
        ]
        found = iter(self._machine.predict(self._features(wanted)) if wanted else ())
        return [
            [str(next(found)) if segment.role == self._role else None for segment in sequence] for sequence in sequences
        ]

    def _features(self, around: Sequence[Window]) -> Any:
        """Return the feature matrix, sparse, shape (windows, features)."""
        sparse = require("scipy.sparse", "corpus")
        texts = list(dict.fromkeys(said for window in around for said in window[:-1]))
        vectors = dict(zip(texts, self._encoder.encode(texts), strict=True))
        vectors[""] = np.zeros_like(vectors[texts[0]])  # what is not said is like nothing
        blocks = [sparse.csr_matrix(np.array([window.place for window in around]))]
        for name in Window._fields[:-1]:
            rows = np.array([vectors[getattr(window, name)] for window in around])
            blocks.append(sparse.csr_matrix(weight(name) * rows))
        for name, vectorizer in self._ngrams:
            blocks.append(weight(name) * vectorizer.transform([getattr(window, name) for window in around]))
        return sparse.hstack(blocks).tocsr()


def weight(name: str) -> float:
    """Return the weight of a part of a window."""
    return 1.0 if name == "text" else AROUND


def ngrams(options: dict[str, Any], texts: Sequence[str]) -> Any:
    """Return TF-IDF of n-grams, fitted to texts."""
    vectorizer = require("sklearn.feature_extraction.text", "corpus").TfidfVectorizer
    return vectorizer(**options, min_df=1 if len(texts) < FEW else 2).fit(texts)


def segments_of(dialogue: Dialogue) -> list[Segment]:
    """Return a dialogue as segments: its turns."""
    return [Segment(turn.role, turn.text, turn.stage) for turn in dialogue.turns]


def windows(sequence: Sequence[Segment]) -> list[Window]:
    """Return what each segment of a dialogue stands among."""
    turns = [[segment.text for segment in turn] for _, turn in groupby(sequence, key=lambda segment: segment.role)]
    found = []
    for number, turn in enumerate(turns):
        before = turns[number - 1] if number else [""]
        after = turns[number + 1] if number + 1 < len(turns) else [""]
        for index, text in enumerate(turn):
            found.append(
                Window(
                    text,
                    turn[index - 1] if index else "",
                    turn[index + 1] if index + 1 < len(turn) else "",
                    " ".join(before),
                    before[-1],
                    " ".join(after),
                    after[0],
                    place(number, len(turns), index, len(turn), text),
                )
            )
    return found


def place(turn: int, turns: int, index: int, segments: int, text: str) -> tuple[float, ...]:
    """Return where a segment stands: openings, closings and their neighbours each have a feature of their own."""
    share, left = turn / turns, turns - turn
    flags = (turn == 0, turn == 1, turn == 2, turn == 3, left <= 1, left <= 2, left <= 4)
    inside = (index == 0, index == 1, index > 1, index == segments - 1, segments == 1)
    return (share, share**2, np.log1p(len(text.split())) / 3, *map(float, flags), *map(float, inside))
