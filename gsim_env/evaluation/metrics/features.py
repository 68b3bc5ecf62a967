"""What figures are made of.

Each call's lengths, vectors and stages, and the turns in which the customer falls out of its role.

Everybody's words are read by the same eyes: people's stages are not those of their corpus but what
the classifier says.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsim_env.corpus.annotation import StageClassifier
from gsim_env.dialogue import Dialogue, Turn
from gsim_env.evaluation.records import EvaluatedCall
from gsim_env.groups import Group
from gsim_env.models import Encoder
from gsim_env.rewards.turns import Turn as Answer
from gsim_env.rewards.turns import fault_of
from gsim_env.util.extras import require
from gsim_env.util.text import count_words
from gsim_env.util.text_safety import CONTROL_TOKENS, ROLE_LABELS

__all__ = ["CallFeatures", "FeatureExtractor"]

LABELED = 400
"""The stage classifier learns from so many calls of the corpus, as it does where a group is built."""

SURELY = 0.99
"""A customer's turn is taken for a salesperson's if it is more like one than this share of people's turns are."""

FOLDS = 5
REASONING = re.compile(
    r"\bas an ai\b|\blanguage model\b|\bi(?:'m| am) an? (?:ai|assistant)\b"
    r"|\b(?:mood|stage|concern|guidance)\s*:|\bothers said\b",
    re.IGNORECASE,
)
"""What belongs to a prompt or to a model, never to a customer.

The guidance's fields, an assistant's confessions.
"""


@dataclass(frozen=True, eq=False)
class CallFeatures:
    """A call as figures see it; T is the number of exchanges.

    Attributes:
        call: The call, its turns with stages.
        lengths: l_t: words (characters in languages without spaces), shape (T,).
        vectors: phi(r_t), unit length, shape (T, d).
        inverted: In which turns the customer speaks as the salesperson would, shape (T,).
        leaked: In which it says what belongs to a prompt, a template or a model's reasoning, shape
            (T,).
        repeated: In which it says to the letter what it said before, a word or two apart, shape
            (T,).
    """

    call: EvaluatedCall
    lengths: NDArray[np.int64]
    vectors: NDArray[np.float32]
    inverted: NDArray[np.bool_]
    leaked: NDArray[np.bool_]
    repeated: NDArray[np.bool_]

    @property
    def stages(self) -> list[str]:
        """z_t of eq. 4."""
        return [turn.stage or "" for turn in self.call.turns]

    @property
    def adjacent(self) -> NDArray[np.float64]:
        """1 - cos(phi(r_t), phi(r_{t-1})) for t = 2 to T (eq. 3), shape (T - 1,)."""
        return np.array([1.0 - float(before @ after) for before, after in pairwise(self.vectors)])


class FeatureExtractor:
    """Reads calls.

    It learns from the group's corpus what stages sound like, and what salespeople and customers do.

    Args:
        group: The cohort.
        encoder: phi.
    """

    def __init__(self, group: Group, encoder: Encoder) -> None:
        """Learn."""
        self._group, self._encoder = group, encoder
        phrases = {role: group.taxonomy.phrases(role) for role in ("sales", "customer")}
        self._stages = StageClassifier(encoder).fit(group.calls[:LABELED], phrases)  # type: ignore[arg-type]
        self._roles, self._threshold = learn_roles(group, encoder)

    def read(self, calls: Sequence[EvaluatedCall]) -> list[CallFeatures]:
        """Read calls; failed ones, which have no turns, are left out.

        Raises:
            SimulatorError: if the encoder fails.
        """
        calls = [call for call in calls if call.turns]
        texts = list(dict.fromkeys(text for call in calls for text in call.words))
        if not texts:
            return []
        rows = dict(zip(texts, self._encoder.encode(texts), strict=True))
        stages = self._stages.annotate([dialogue_of(call) for call in calls])
        return [
            self._reading(
                call,
                np.array([rows[text] for text in call.words]),
                [turn.stage for turn in dialogue.turns[1::2]],
            )
            for call, dialogue in zip(calls, stages, strict=True)
        ]

    def _reading(
        self, call: EvaluatedCall, vectors: NDArray[np.float32], stages: Sequence[str | None]
    ) -> CallFeatures:
        turns = tuple(
            turn.model_copy(update={"stage": stage})
            for turn, stage in zip(call.turns, stages, strict=True)
        )
        messages = call.messages
        faults = [
            fault_of(Answer(messages[: 2 * t + 1], text)) for t, text in enumerate(call.words)
        ]
        like_sales = self._roles.decision_function(vectors) > self._threshold
        said = [" ".join(text.lower().split()) for text in call.words]
        return CallFeatures(
            call.model_copy(update={"turns": turns}),
            np.array([count_words(text, self._group.config.language) for text in call.words]),
            vectors,
            np.array([fault in ("wrong_role", "copy") for fault in faults]) | like_sales,
            np.array(
                [
                    any(p.search(text) for p in (CONTROL_TOKENS, REASONING, ROLE_LABELS))
                    for text in call.words
                ]
            ),
            np.array([text in said[:t] and text.count(" ") > 1 for t, text in enumerate(said)]),
        )


def dialogue_of(call: EvaluatedCall) -> Dialogue:
    """Return a call as the stage classifier takes it; silence is written out."""
    turns = [
        Turn(role=role, text=text or "...")
        for turn in call.turns
        for role, text in (("sales", turn.sales), ("customer", turn.customer))
    ]
    return Dialogue(id=call.id, turns=tuple(turns))


def learn_roles(group: Group, encoder: Encoder) -> tuple[Any, float]:
    """Return a classifier of who speaks, fitted to the corpus, and the margin that all but 1 % of
    people's turns stay under.

    The margin is found on turns of calls that the classifier had not seen (five folds), so by
    construction about one in a hundred of people's own turns counts as inverted: that is the floor.
    """
    linear, selection = (
        require("sklearn.linear_model", "evaluation"),
        require("sklearn.model_selection", "evaluation"),
    )
    turns = [
        (turn.text, turn.role == "sales", number)
        for number, call in enumerate(group.calls)
        for turn in call.turns
    ]
    vectors = encoder.encode([text for text, _, _ in turns])
    sales = np.array([is_sales for _, is_sales, _ in turns])
    machine = linear.LogisticRegression(max_iter=1000, class_weight="balanced")
    folds = selection.GroupKFold(min(FOLDS, len(group.calls)))
    margins = selection.cross_val_predict(
        machine,
        vectors,
        sales,
        groups=[number for _, _, number in turns],
        cv=folds,
        method="decision_function",
    )
    return machine.fit(vectors, sales), float(np.quantile(margins[~sales], SURELY))
