"""Stage annotation by a two-pass classifier that is trained on few labels."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from gsim_env.corpus.windows import Segment, Window, segments_of, windows
from gsim_env.dialogue import Dialogue, Role
from gsim_env.errors import CorpusError
from gsim_env.models import Encoder
from gsim_env.util.extras import import_optional_module
from gsim_env.util.files import atomic_path

__all__ = ["StageClassifier"]

SURROUNDINGS_WEIGHT = 0.5
"""Weight of the features of a segment's surroundings; those of the segment itself have 1.

This weight and the two following constants were chosen by five folds over PersuasionForGood's
annotated dialogues.
"""

FIRST_PASS_C = 0.15
SECOND_PASS_C = 0.1
"""Inverse regularization (scikit-learn's ``C``)."""

WORDS = {"ngram_range": (1, 2), "sublinear_tf": True, "token_pattern": r"\w+(?:'\w+)?|[^\w\s]"}
LETTERS = {"analyzer": "char_wb", "ngram_range": (2, 5), "sublinear_tf": True}

MIN_TEXTS_FOR_CUTOFF = 500
"""With fewer examples, n-grams that occur once are kept as well."""

FOLDS = 5
"""Folds by dialogue.

The second pass is trained on margins of first passes that have not seen the dialogue.
"""

MIN_DIALOGUES_FOR_SECOND_PASS = 100
"""With fewer labeled dialogues the first pass alone decides.

First passes trained on four fifths of few dialogues differ too much from the one trained on all.
"""

SHARPNESS = 3.0
"""The first pass's margins, times this, are the logits of a neighbor's stage."""

ROLES: tuple[Role, ...] = get_args(Role)
TEXT_FIELDS = Window._fields[:-1]

Floats = NDArray[np.float64]
Sequences = Sequence[Sequence[Segment]]

Position = tuple[int, int]
"""The number of a sequence, and the number of a segment in it."""

T = TypeVar("T")


class Margins(NamedTuple):
    """The first pass's decision values of one segment, one per stage of its role."""

    role: Role
    values: Floats


class StageClassifier:
    """Labels the turns of both sides with stages in two passes (stacking: Wolpert 1992).

    The first pass is a linear support vector machine per side over sentence embeddings, word and
    letter n-grams, and positions. The second pass, a logistic regression, combines the margins of a
    segment with those of its two neighbors, whoever says them: what follows a question tends to be
    an answer. It takes part if labeled dialogues are many
    (:data:`MIN_DIALOGUES_FOR_SECOND_PASS`).

    Args:
        encoder: The sentence encoder phi.
    """

    def __init__(self, encoder: Encoder) -> None:
        """Create a classifier that is not fitted yet."""
        self._first = {role: FirstPass(encoder) for role in ROLES}
        self._second: dict[Role, Any] = {}

    def fit(
        self, dialogues: Iterable[Dialogue], phrases: Mapping[Role, Sequence[tuple[str, str]]]
    ) -> Self:
        """Fit to the labeled turns of dialogues, and to phrases.

        Args:
            dialogues: Their turns without a stage serve as surroundings only.
            phrases: Pairs of text and stage, for each side.

        Raises:
            CorpusError: if there are fewer than two stages for a side.
        """
        return self.fit_segments([segments_of(dialogue) for dialogue in dialogues], phrases)

    def fit_segments(
        self, sequences: Sequences, phrases: Mapping[Role, Sequence[tuple[str, str]]]
    ) -> Self:
        """Fit to labeled segments, and to phrases; arguments and errors as for :meth:`fit`."""
        # A phrase is a sequence of one segment without surroundings.
        phrase_sequences = []
        for role, labeled in phrases.items():
            phrase_sequences += [[Segment(role, text, stage)] for text, stage in labeled]
        phrase_windows = [[Window(segment.text)] for (segment,) in phrase_sequences]

        everything = [*sequences, *phrase_sequences]
        surroundings = [*map(windows, sequences), *phrase_windows]
        margins: dict[Position, Margins] = {}
        for role in ROLES:
            margins |= self._fit_first_pass(role, everything, surroundings)

        if len(sequences) >= MIN_DIALOGUES_FOR_SECOND_PASS:
            for role in ROLES:
                self._fit_second_pass(role, everything, margins)
        return self

    def annotate(self, dialogues: Sequence[Dialogue]) -> list[Dialogue]:
        """Return the dialogues with a stage at every turn; given stages are kept."""
        predicted = self.predict([segments_of(dialogue) for dialogue in dialogues])
        return list(map(_with_stages, dialogues, predicted))

    def predict(self, sequences: Sequences) -> list[list[str]]:
        """Return the stage of each segment."""
        surroundings = [windows(sequence) for sequence in sequences]
        positions = {role: positions_of(sequences, role) for role in ROLES}
        margins: dict[Position, Margins] = {}
        for role, first in self._first.items():
            if positions[role]:
                rows = first.margins(_pick(surroundings, positions[role]))
                margins |= _by_position(role, positions[role], rows)

        stages = [[""] * len(sequence) for sequence in sequences]
        for role in ROLES:
            predicted = self._decide(role, positions[role], margins)
            for (number, index), stage in zip(positions[role], predicted, strict=True):
                stages[number][index] = stage
        return stages

    def save(self, file: Path) -> None:
        """Write the fitted classifier to a file, atomically."""
        state = {role: first.state for role, first in self._first.items()}, self._second
        with atomic_path(file) as partial:
            import_optional_module("joblib", "corpus").dump(state, partial)

    @classmethod
    def load(cls, file: Path, encoder: Encoder) -> Self:
        """Read what :meth:`save` wrote, with the same encoder.

        The file is a pickle: load only files that you trust.
        """
        classifier = cls(encoder)
        states, classifier._second = import_optional_module("joblib", "corpus").load(file)
        for role, first in classifier._first.items():
            first.state = states[role]
        return classifier

    def _fit_first_pass(
        self, role: Role, sequences: Sequences, surroundings: Sequence[Sequence[Window]]
    ) -> dict[Position, Margins]:
        """Fit a side's first pass and return the out-of-fold margins of its segments."""
        positions = positions_of(sequences, role)
        stages = [segment.stage for segment in _pick(sequences, positions)]
        known = set(stages) - {None}
        if len(known) < 2:
            raise CorpusError(
                f"The {role} turns have {len(known)} labeled stages and a classifier needs two. "
                "Label some turns, or give the stages of the taxonomy examples."
            )

        folds = [number % FOLDS for number, _ in positions]
        rows = self._first[role].fit(_pick(surroundings, positions), stages, folds)
        return _by_position(role, positions, rows)

    def _fit_second_pass(
        self, role: Role, sequences: Sequences, margins: Mapping[Position, Margins]
    ) -> None:
        positions = [
            (number, index)
            for number, index in positions_of(sequences, role)
            if sequences[number][index].stage is not None
        ]
        stages = [segment.stage for segment in _pick(sequences, positions)]

        # Between the true frequencies, which lose rare stages, and equal ones, which overuse them.
        counts = Counter(stages)
        weights = {
            stage: (len(stages) / len(counts) / count) ** 0.5 for stage, count in counts.items()
        }
        regression = import_optional_module("sklearn.linear_model", "corpus").LogisticRegression(
            C=SECOND_PASS_C, class_weight=weights, max_iter=1000
        )
        self._second[role] = regression.fit(self._stacked_features(margins, positions), stages)

    def _decide(
        self, role: Role, positions: Sequence[Position], margins: Mapping[Position, Margins]
    ) -> list[str]:
        """Return the stages of one side's segments, by the second pass if it is fitted."""
        if not positions:
            return []
        if role in self._second:
            features = self._stacked_features(margins, positions)
            return [str(stage) for stage in self._second[role].predict(features)]

        names = self._first[role].stages
        return [names[int(margins[position].values.argmax())] for position in positions]

    def _stacked_features(
        self, margins: Mapping[Position, Margins], positions: Sequence[Position]
    ) -> Floats:
        """Return the second pass's features, shape (positions, features).

        A segment's margins, then, for each neighbor and role, the probabilities of its stages and
        whether there is a neighbor of this role.
        """
        absent = {role: np.zeros(len(first.stages) + 1) for role, first in self._first.items()}

        rows = []
        for number, index in positions:
            parts = [margins[number, index].values]
            for neighbor in (margins.get((number, index - 1)), margins.get((number, index + 1))):
                for role in ROLES:
                    if neighbor is None or neighbor.role != role:
                        parts.append(absent[role])
                    else:
                        parts.append(np.append(softmax(neighbor.values), 1.0))
            rows.append(np.concatenate(parts))
        return np.array(rows)


class FittedState(NamedTuple):
    """A fitted first pass.

    Attributes:
        stages: The stages, in the order of the margins.
        vectorizers: Pairs of a window's text field and its n-gram vectorizer.
        machine: The support vector machine.
    """

    stages: list[str]
    vectorizers: list[tuple[str, Any]]
    machine: Any


class FirstPass:
    """A linear support vector machine over windows, for one side.

    Args:
        encoder: The sentence encoder phi.

    Attributes:
        state: What fitting sets; may be saved and restored.
    """

    def __init__(self, encoder: Encoder) -> None:
        """Create a pass that is not fitted yet."""
        self._encoder = encoder
        self.state = FittedState([], [], None)

    @property
    def stages(self) -> list[str]:
        """The stages, in the order of the margins."""
        return self.state.stages

    def fit(
        self,
        around: Sequence[Window],
        stages: Sequence[str | None],
        folds: Sequence[int],
    ) -> Floats:
        """Fit to the labeled windows.

        Returns:
            The margins of each window by a machine that has not seen its fold, shape (windows,
            stages).
        """
        is_labeled = np.array([stage is not None for stage in stages])
        names = np.array([stage or "" for stage in stages])
        fold = np.array(folds)

        labeled = [window for window, has in zip(around, is_labeled, strict=True) if has]
        vectorizers = fit_vectorizers(labeled)
        features = self._features(around, vectorizers)
        machine = fit_machine(features[is_labeled], names[is_labeled])
        self.state = FittedState(sorted(set(names[is_labeled])), vectorizers, machine)

        margins = np.full((len(stages), len(self.stages)), -1.0)
        for number in range(FOLDS):
            train = is_labeled & (fold != number)
            unseen = fold == number
            if unseen.any() and len(set(names[train])) > 1:
                machine = fit_machine(features[train], names[train])
                margins[unseen] = self._margins(machine, features[unseen])
        return margins

    def margins(self, around: Sequence[Window]) -> Floats:
        """Return the distances from each stage's hyperplane, shape (windows, stages)."""
        features = self._features(around, self.state.vectorizers)
        return self._margins(self.state.machine, features)

    def _margins(self, machine: Any, features: Any) -> Floats:
        """Return a machine's margins in the order of :attr:`stages`; -1 for stages it lacks."""
        values = machine.decision_function(features)
        if values.ndim == 1:  # scikit-learn gives one column for two classes
            values = np.stack([-values, values], axis=1)

        margins = np.full((features.shape[0], len(self.stages)), -1.0)
        margins[:, [self.stages.index(stage) for stage in machine.classes_]] = values
        return margins

    def _features(self, around: Sequence[Window], vectorizers: Sequence[tuple[str, Any]]) -> Any:
        """Return the sparse feature matrix, shape (windows, features)."""
        sparse = import_optional_module("scipy.sparse", "corpus")
        texts = list(dict.fromkeys(chain.from_iterable(window[:-1] for window in around)))
        vectors = dict(zip(texts, self._encoder.encode(texts), strict=True))
        vectors[""] = np.zeros_like(vectors[texts[0]])  # absent surroundings are like nothing

        blocks = [sparse.csr_matrix(np.array([window.position for window in around]))]
        for name in TEXT_FIELDS:
            rows = np.array([vectors[getattr(window, name)] for window in around])
            blocks.append(sparse.csr_matrix(weight_of(name) * rows))
        for name, vectorizer in vectorizers:
            rows = vectorizer.transform([getattr(window, name) for window in around])
            blocks.append(weight_of(name) * rows)
        return sparse.hstack(blocks).tocsr()


def fit_vectorizers(labeled: Sequence[Window]) -> list[tuple[str, Any]]:
    """Return TF-IDF of n-grams for each text field: letters of the segment, words of all fields."""
    kinds = [(TEXT_FIELDS[0], LETTERS), *((name, WORDS) for name in TEXT_FIELDS)]
    tfidf = import_optional_module("sklearn.feature_extraction.text", "corpus").TfidfVectorizer
    cutoff = 1 if len(labeled) < MIN_TEXTS_FOR_CUTOFF else 2

    vectorizers = []
    for name, options in kinds:
        texts = [getattr(window, name) for window in labeled]
        if any(texts):
            vectorizers.append((name, tfidf(**options, min_df=cutoff).fit(texts)))
    return vectorizers


def fit_machine(features: Any, stages: Sequence[str]) -> Any:
    """Return a fitted support vector machine."""
    machine = import_optional_module("sklearn.svm", "corpus").LinearSVC(
        C=FIRST_PASS_C, class_weight="balanced", random_state=0
    )
    return machine.fit(features, stages)


def weight_of(name: str) -> float:
    """Return the weight of a field of :class:`~gsim_env.corpus.windows.Window`."""
    return 1.0 if name == "text" else SURROUNDINGS_WEIGHT


def positions_of(sequences: Sequences, role: Role) -> list[Position]:
    """Return the positions of one side's segments."""
    positions = []
    for number, sequence in enumerate(sequences):
        positions += [
            (number, index) for index, segment in enumerate(sequence) if segment.role == role
        ]
    return positions


def softmax(margins: Floats) -> Floats:
    """Return the probabilities of the stages, which sum to 1."""
    powers = np.exp(SHARPNESS * (margins - margins.max()))
    return np.asarray(powers / powers.sum())


def _with_stages(dialogue: Dialogue, stages: Sequence[str]) -> Dialogue:
    turns = tuple(
        turn if turn.stage is not None else turn.model_copy(update={"stage": stage})
        for turn, stage in zip(dialogue.turns, stages, strict=True)
    )
    return dialogue.model_copy(update={"turns": turns})


def _pick(rows: Sequence[Sequence[T]], positions: Sequence[Position]) -> list[T]:
    return [rows[number][index] for number, index in positions]


def _by_position(
    role: Role, positions: Sequence[Position], rows: Floats
) -> dict[Position, Margins]:
    return {
        position: Margins(role, values) for position, values in zip(positions, rows, strict=True)
    }
