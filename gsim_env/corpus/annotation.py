"""Stage annotation by a classifier trained on few labels.

What is said, what is said around it, and what that seems to be.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, get_args

import numpy as np
from numpy.typing import NDArray

from gsim_env.corpus.windows import Segment, Window, segments_of, windows
from gsim_env.dialogue import Dialogue, Role
from gsim_env.errors import CorpusError
from gsim_env.models import Encoder
from gsim_env.util.extras import require

__all__ = ["StageClassifier"]

AROUND = 0.5
"""Weight of the features of what is said around a segment; those of the segment itself have 1."""

INVERSE_REGULARISATION = 0.15, 0.1
"""C of the first and of the second pass.

All three were chosen by five folds over PersuasionForGood's annotated dialogues.
"""

WORDS = {"ngram_range": (1, 2), "sublinear_tf": True, "token_pattern": r"\w+(?:'\w+)?|[^\w\s]"}
LETTERS = {"analyzer": "char_wb", "ngram_range": (2, 5), "sublinear_tf": True}
FEW = 500
"""With fewer examples than that, n-grams that stand there once count too."""

FOLDS = 5
"""The second pass learns from first passes that have not seen the dialogue.

One for each fold of the dialogues.
"""

ENOUGH = 100
"""With fewer labeled dialogues the first pass alone decides: machines that have seen four fifths of
few of them are too unlike the one that has seen all."""

SHARPNESS = 3.0
"""The first pass's margins, times this, are the logits of what a neighbor is taken for."""

ROLES: tuple[Role, ...] = get_args(Role)
Floats = NDArray[np.float64]
Place = tuple[int, int]
"""Which sequence, and which segment of it."""


class StageClassifier:
    """Finds the stages of both sides in two passes (stacked generalization: Wolpert 1992).

    The first is a linear support vector machine for each side over sentence embeddings, word and
    letter n-grams, and places. The second, a logistic regression, weighs its verdict against its
    verdicts on the segments beside, whoever says them: what follows a question tends to be an
    answer. It takes part where labels are many (:data:`ENOUGH`).

    Args:
        encoder: phi.
    """

    def __init__(self, encoder: Encoder) -> None:
        """Make a classifier that has not been fitted."""
        self._first = {role: FirstPass(encoder) for role in ROLES}
        self._second: dict[Role, Any] = {}

    def fit(
        self, dialogues: Iterable[Dialogue], phrases: Mapping[Role, Sequence[tuple[str, str]]]
    ) -> Self:
        """Fit to the turns of ``dialogues`` that carry a stage, and to ``phrases``.

        (text, stage) without a context.

        Raises:
            CorpusError: if that gives fewer than two stages for a side.
        """
        return self.fit_segments([segments_of(dialogue) for dialogue in dialogues], phrases)

    def fit_segments(
        self,
        sequences: Sequence[Sequence[Segment]],
        phrases: Mapping[Role, Sequence[tuple[str, str]]],
    ) -> Self:
        """As :meth:`fit`, with the segments given."""
        alone = [
            [Segment(role, text, stage)] for role, known in phrases.items() for text, stage in known
        ]
        around = [*map(windows, sequences), *([Window(segment.text)] for (segment,) in alone)]
        sequences = [*sequences, *alone]
        margins: dict[Place, tuple[Role, Floats]] = {}
        for role in ROLES:
            places = places_of(sequences, role)
            stages = [sequences[number][index].stage for number, index in places]
            if len(set(stages) - {None}) < 2:
                raise CorpusError(
                    f"The {role} turns have {len(set(stages) - {None})} labeled stages and a classifier needs two. Label "
                    "some turns, or give the stages of the taxonomy examples."
                )
            unseen = self._first[role].fit(
                [around[number][index] for number, index in places],
                stages,
                [number % FOLDS for number, _ in places],
            )
            margins |= {place: (role, row) for place, row in zip(places, unseen, strict=True)}
        for role in ROLES if len(around) - len(alone) >= ENOUGH else ():
            labeled = [
                place
                for place in places_of(sequences, role)
                if sequences[place[0]][place[1]].stage is not None
            ]
            stages = [sequences[number][index].stage for number, index in labeled]
            counts = Counter(stages)
            second = require("sklearn.linear_model", "corpus").LogisticRegression(
                C=INVERSE_REGULARISATION[1],
                # Between the true frequencies, which forget rare stages, and equal ones, which see them everywhere.
                class_weight={
                    stage: (len(stages) / len(counts) / count) ** 0.5
                    for stage, count in counts.items()
                },
                max_iter=1000,
            )
            self._second[role] = second.fit(self._beside(margins, labeled), stages)
        return self

    def annotate(self, dialogues: Sequence[Dialogue]) -> list[Dialogue]:
        """Return the dialogues with a stage at every turn; given ones are kept."""
        found = self.predict([segments_of(dialogue) for dialogue in dialogues])
        return [
            dialogue.model_copy(
                update={
                    "turns": tuple(
                        turn if turn.stage is not None else turn.model_copy(update={"stage": stage})
                        for turn, stage in zip(dialogue.turns, stages, strict=True)
                    )
                }
            )
            for dialogue, stages in zip(dialogues, found, strict=True)
        ]

    def predict(self, sequences: Sequence[Sequence[Segment]]) -> list[list[str]]:
        """Return the stage of each segment."""
        around = [windows(sequence) for sequence in sequences]
        margins: dict[Place, tuple[Role, Floats]] = {}
        for role, first in self._first.items():
            if places := places_of(sequences, role):
                rows = first.margins([around[number][index] for number, index in places])
                margins |= {place: (role, row) for place, row in zip(places, rows, strict=True)}
        found = [[""] * len(sequence) for sequence in sequences]
        for role, first in self._first.items():
            if places := places_of(sequences, role):
                if role in self._second:
                    stages = self._second[role].predict(self._beside(margins, places))
                else:
                    stages = [first.stages[int(margins[place][1].argmax())] for place in places]
                for (number, index), stage in zip(places, stages, strict=True):
                    found[number][index] = str(stage)
        return found

    def save(self, file: Path) -> None:
        """Write what was learnt to a file, whole or not at all."""
        partial = file.with_suffix(".partial")
        learnt = {role: first.learnt for role, first in self._first.items()}, self._second
        require("joblib", "corpus").dump(learnt, partial)
        partial.replace(file)

    @classmethod
    def load(cls, file: Path, encoder: Encoder) -> Self:
        """Read what :meth:`save` wrote, with the encoder it was fitted with.

        Like any pickle, from a file of one's own only.
        """
        classifier = cls(encoder)
        learnt, classifier._second = require("joblib", "corpus").load(file)
        for role, first in classifier._first.items():
            first.learnt = learnt[role]
        return classifier

    def _beside(
        self, margins: Mapping[Place, tuple[Role, Floats]], places: Sequence[Place]
    ) -> Floats:
        """Return the second pass's features, shape (places, features).

        Margins, and what the two neighbors seem to be.
        """
        nothing = {role: np.zeros(len(first.stages) + 1) for role, first in self._first.items()}
        rows = []
        for number, index in places:
            parts = [margins[number, index][1]]
            for neighbor in (index - 1, index + 1):
                side, row = margins.get((number, neighbor), (None, None))
                parts += [
                    nothing[role] if row is None or side != role else np.append(softmax(row), 1.0)
                    for role in ROLES
                ]
            rows.append(np.concatenate(parts))
        return np.array(rows)


class FirstPass:
    """A linear support vector machine over windows, for one side.

    Args:
        encoder: phi.

    Attributes:
        learnt: What fitting leaves: the stages it tells apart, in the order of its margins;
            n-grams; the machine.
    """

    def __init__(self, encoder: Encoder) -> None:
        """Make a machine that has not been fitted."""
        self._encoder = encoder
        self.learnt: tuple[list[str], list[tuple[str, Any]], Any] = [], [], None

    @property
    def stages(self) -> list[str]:
        """The stages it tells apart, in the order of its margins."""
        return self.learnt[0]

    def fit(
        self, around: Sequence[Window], stages: Sequence[str | None], folds: Sequence[int]
    ) -> Floats:
        """Fit to the labeled windows.

        Return for each the margins of a machine that has not seen its fold.
        """
        labeled = np.array([stage is not None for stage in stages])
        known = [window for window, has in zip(around, labeled, strict=True) if has]
        found = [
            (name, ngrams(options, said))
            for name, options in (
                (Window._fields[0], LETTERS),
                *((name, WORDS) for name in Window._fields[:-1]),
            )
            if any(said := [getattr(window, name) for window in known])
        ]
        names, features, fold = (
            np.array([stage or "" for stage in stages]),
            self._features(around, found),
            np.array(folds),
        )
        self.learnt = sorted(set(names[labeled])), found, machine(features[labeled], names[labeled])
        unseen = np.full((len(stages), len(self.stages)), -1.0)
        for number in range(FOLDS):
            train, out = labeled & (fold != number), fold == number
            if out.any() and len(set(names[train])) > 1:
                unseen[out] = self._placed(machine(features[train], names[train]), features[out])
        return unseen

    def margins(self, around: Sequence[Window]) -> Floats:
        """Return the distances from each stage's separating plane, shape (windows, stages)."""
        _, found, fitted = self.learnt
        return self._placed(fitted, self._features(around, found))

    def _placed(self, fitted: Any, features: Any) -> Floats:
        """Return a machine's margins in the columns of :attr:`stages`.

        -1 for what it does not know.
        """
        found = fitted.decision_function(features)
        placed = np.full((features.shape[0], len(self.stages)), -1.0)
        placed[:, [self.stages.index(stage) for stage in fitted.classes_]] = (
            np.stack([-found, found], axis=1) if found.ndim == 1 else found
        )
        return placed

    def _features(self, around: Sequence[Window], found: Sequence[tuple[str, Any]]) -> Any:
        """Return the feature matrix, sparse, shape (windows, features)."""
        sparse = require("scipy.sparse", "corpus")
        texts = list(dict.fromkeys(said for window in around for said in window[:-1]))
        vectors = dict(zip(texts, self._encoder.encode(texts), strict=True))
        vectors[""] = np.zeros_like(vectors[texts[0]])  # what is not said is like nothing
        blocks = [sparse.csr_matrix(np.array([window.place for window in around]))]
        for name in Window._fields[:-1]:
            rows = np.array([vectors[getattr(window, name)] for window in around])
            blocks.append(sparse.csr_matrix(weight(name) * rows))
        for name, vectorizer in found:
            blocks.append(
                weight(name) * vectorizer.transform([getattr(window, name) for window in around])
            )
        return sparse.hstack(blocks).tocsr()


def machine(features: Any, stages: Sequence[str]) -> Any:
    """Return a fitted support vector machine."""
    unfitted = require("sklearn.svm", "corpus").LinearSVC(
        C=INVERSE_REGULARISATION[0], class_weight="balanced", random_state=0
    )
    return unfitted.fit(features, stages)


def weight(name: str) -> float:
    """Return the weight of a part of a window."""
    return 1.0 if name == "text" else AROUND


def ngrams(options: dict[str, Any], texts: Sequence[str]) -> Any:
    """Return TF-IDF of n-grams, fitted to texts."""
    vectorizer = require("sklearn.feature_extraction.text", "corpus").TfidfVectorizer
    return vectorizer(**options, min_df=1 if len(texts) < FEW else 2).fit(texts)


def places_of(sequences: Sequence[Sequence[Segment]], role: Role) -> list[Place]:
    """Return where one side speaks."""
    return [
        (number, index)
        for number, sequence in enumerate(sequences)
        for index, segment in enumerate(sequence)
        if segment.role == role
    ]


def softmax(margins: Floats) -> Floats:
    """Return what a segment is taken for, as shares that sum to 1."""
    powers = np.exp(SHARPNESS * (margins - margins.max()))
    return np.asarray(powers / powers.sum())
