"""Features of calls that the metrics are computed from: lengths, vectors, stages and faults.

Human and simulated turns are labeled by the same stage classifier; the corpus's own labels are not
used.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gsim_env.corpus.annotation import StageClassifier
from gsim_env.dialogue import Dialogue, Role, Turn
from gsim_env.evaluation.records import EvaluatedCall, EvaluatedTurn
from gsim_env.groups import Group
from gsim_env.models import Encoder
from gsim_env.rewards.turns import Turn as Answer
from gsim_env.rewards.turns import find_answer_fault
from gsim_env.util.text import count_words, normalize_for_comparison
from gsim_env.util.text_safety import CONTROL_TOKENS, ROLE_LABELS

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

__all__ = ["CallFeatureExtractor", "CallFeatures", "SpeakerRoleClassifier"]

MAX_TRAINING_CALLS = 400
"""The stage classifier learns from this many calls of the corpus, as it does in a group build."""

INVERSION_QUANTILE = 0.99
"""A customer's turn counts as role-inverted if its margin exceeds this quantile of human turns."""

FOLDS = 5

PROMPT_PARTS = re.compile(
    r"\bas an ai\b|\blanguage model\b|\bi(?:'m| am) an? (?:ai|assistant)\b"
    r"|\b(?:mood|stage|concern|guidance)\s*:|\bothers said\b",
    re.IGNORECASE,
)
"""The guidance's field names and phrases of assistants, which no customer says."""

LEAK_PATTERNS = (CONTROL_TOKENS, PROMPT_PARTS, ROLE_LABELS)


@dataclass(frozen=True, eq=False)
class CallFeatures:
    """Features of one call of T turns: lengths, sentence vectors, stages and faults.

    Attributes:
        call: The call, its turns labeled with stages.
        lengths: l_t: words (characters in languages without spaces), shape (T,).
        vectors: phi(r_t), unit length, shape (T, d).
        inverted: Whether the customer speaks as the salesperson would, shape (T,).
        leaked: Whether a turn contains parts of a prompt, a template or a model's reasoning, shape
            (T,).
        repeated: Whether a turn of three words or more repeats an earlier turn, shape (T,).
    """

    call: EvaluatedCall
    lengths: NDArray[np.int64]
    vectors: NDArray[np.float32]
    inverted: NDArray[np.bool_]
    leaked: NDArray[np.bool_]
    repeated: NDArray[np.bool_]

    @property
    def stages(self) -> list[str]:
        """The stage of each customer turn (z_t of eq. 4); empty where unlabeled."""
        return [turn.stage or "" for turn in self.call.turns]

    @property
    def adjacent_distances(self) -> NDArray[np.float64]:
        """1 - cos(phi(r_t), phi(r_{t-1})) for t = 2 to T (eq. 3), shape (T - 1,)."""
        return np.array([1.0 - float(before @ after) for before, after in pairwise(self.vectors)])


@dataclass(frozen=True, eq=False)
class SpeakerRoleClassifier:
    """Classifies whether a customer's turn sounds like a salesperson's.

    Attributes:
        model: A logistic regression on sentence vectors; positive margins are salespeople.
        threshold: The margin above which a turn counts as the salesperson's.
    """

    model: "LogisticRegression"
    threshold: float

    def sounds_like_sales(self, vectors: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return whether each turn sounds like a salesperson's, shape (turns,)."""
        return np.asarray(self.model.decision_function(vectors) > self.threshold)


class CallFeatureExtractor:
    """Extracts features of calls with classifiers that are fitted to the group's corpus.

    Args:
        group: The group.
        encoder: phi.
    """

    def __init__(self, group: Group, encoder: Encoder) -> None:
        """Fit the stage classifier and the role classifier."""
        self._language = group.config.language
        self._encoder = encoder
        phrases: dict[Role, list[tuple[str, str]]] = {
            "sales": group.taxonomy.phrases("sales"),
            "customer": group.taxonomy.phrases("customer"),
        }
        self._stages = StageClassifier(encoder).fit(group.calls[:MAX_TRAINING_CALLS], phrases)
        self._roles = fit_speaker_role_classifier(group, encoder)

    def extract(self, calls: Sequence[EvaluatedCall]) -> list[CallFeatures]:
        """Return the features of each call; failed calls, which have no turns, are left out.

        Raises:
            SimulatorError: if the encoder fails.
        """
        completed = [call for call in calls if call.turns]
        texts = list(dict.fromkeys(chain.from_iterable(call.customer_texts for call in completed)))
        if not texts:
            return []

        # Encode each text once, and label all dialogues together.
        vector_of = dict(zip(texts, self._encoder.encode(texts), strict=True))
        labeled = self._stages.annotate([_to_dialogue(call) for call in completed])

        features = []
        for call, dialogue in zip(completed, labeled, strict=True):
            vectors = np.array([vector_of[text] for text in call.customer_texts])
            stages = [turn.stage for turn in dialogue.turns[1::2]]
            features.append(self._features(_with_stages(call, stages), vectors))
        return features

    def _features(self, call: EvaluatedCall, vectors: NDArray[np.float32]) -> CallFeatures:
        return CallFeatures(
            call=call,
            lengths=np.array([count_words(text, self._language) for text in call.customer_texts]),
            vectors=vectors,
            inverted=_violates_role(call) | self._roles.sounds_like_sales(vectors),
            leaked=np.array([_leaks_prompt(text) for text in call.customer_texts]),
            repeated=_repeats_earlier_turn(call.customer_texts),
        )


def _to_dialogue(call: EvaluatedCall) -> Dialogue:
    """Return a call in the form of the stage classifier; an empty turn becomes ``...``."""
    turns: list[Turn] = []
    for exchange in call.turns:
        turns.append(Turn(role="sales", text=exchange.sales or "..."))
        turns.append(Turn(role="customer", text=exchange.customer or "..."))
    return Dialogue(id=call.id, turns=tuple(turns))


def _with_stages(call: EvaluatedCall, stages: Sequence[str | None]) -> EvaluatedCall:
    """Return a call with a stage for each of the customer's turns."""
    turns: list[EvaluatedTurn] = [
        turn.model_copy(update={"stage": stage})
        for turn, stage in zip(call.turns, stages, strict=True)
    ]
    return call.model_copy(update={"turns": tuple(turns)})


def _violates_role(call: EvaluatedCall) -> NDArray[np.bool_]:
    """Return which turns name the other speaker or copy the salesperson, shape (T,)."""
    messages = call.messages
    faults = [
        find_answer_fault(Answer(messages[: 2 * turn + 1], text))
        for turn, text in enumerate(call.customer_texts)
    ]
    return np.array([fault in ("wrong_role", "copy") for fault in faults])


def _leaks_prompt(text: str) -> bool:
    """Return whether a turn contains parts of a prompt, a template or a model's reasoning."""
    return any(pattern.search(text) for pattern in LEAK_PATTERNS)


def _repeats_earlier_turn(texts: Sequence[str]) -> NDArray[np.bool_]:
    """Return which turns of three words or more equal an earlier one, shape (T,)."""
    normalized = [normalize_for_comparison(text) for text in texts]
    return np.array(
        [text in normalized[:turn] and text.count(" ") > 1 for turn, text in enumerate(normalized)]
    )


def fit_speaker_role_classifier(group: Group, encoder: Encoder) -> SpeakerRoleClassifier:
    """Fit a classifier of salesperson and customer turns to a group's corpus.

    Its threshold is the margin that 99 % of the customers' turns stay below, measured on calls that
    the classifier has not seen (five folds). So about one in a hundred human turns counts as
    inverted by construction: that is the human floor.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold, cross_val_predict

    # One example per turn of the corpus.
    texts: list[str] = []
    labels: list[bool] = []
    call_numbers: list[int] = []
    for number, call in enumerate(group.calls):
        for turn in call.turns:
            texts.append(turn.text)
            labels.append(turn.role == "sales")
            call_numbers.append(number)

    vectors = encoder.encode(texts)
    is_sales = np.array(labels)
    model = LogisticRegression(max_iter=1000, class_weight="balanced")

    # Margins of turns whose call is in the held-out fold.
    margins = cross_val_predict(
        model,
        vectors,
        is_sales,
        groups=call_numbers,
        cv=GroupKFold(min(FOLDS, len(group.calls))),
        method="decision_function",
    )
    threshold = float(np.quantile(margins[~is_sales], INVERSION_QUANTILE))
    return SpeakerRoleClassifier(model.fit(vectors, is_sales), threshold)
