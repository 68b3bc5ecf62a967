"""Concern annotation: the concern of each turn, by similarity to the taxonomy's phrases."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from gsim_env.dialogue import Dialogue, Turn
from gsim_env.models import Encoder
from gsim_env.sop import Taxonomy

__all__ = ["ConcernAnnotator"]

ANSWER_THRESHOLD = 0.3
"""Minimum cosine similarity of a sales turn to a phrase that answers the stated concern."""

Vectors = NDArray[np.float32]


class ConcernAnnotator:
    """Labels turns with concerns; needs stages but no labeled examples.

    A customer turn at a stage of kind ``concern`` gets the concern with the nearest phrase. A
    following sales turn that informs or answers gets the same concern if it is similar enough to
    one of that concern's answers. Given concerns are kept.

    Args:
        taxonomy: The taxonomy of the concerns.
        encoder: The sentence encoder phi.
    """

    def __init__(self, taxonomy: Taxonomy, encoder: Encoder) -> None:
        """Embed the phrases."""
        self._taxonomy = taxonomy
        self._encoder = encoder
        concerns = taxonomy.concerns.items()
        self._raised = {name: encoder.encode(concern.raised) for name, concern in concerns}
        self._answers = {name: encoder.encode(concern.answers) for name, concern in concerns}

    def annotate(self, dialogues: Sequence[Dialogue]) -> list[Dialogue]:
        """Return the dialogues with concerns; turns without a stage are not changed."""
        texts = list(dict.fromkeys(self._texts_to_label(dialogues)))
        vectors = dict(zip(texts, self._encoder.encode(texts), strict=True)) if texts else {}
        return [self._annotate(dialogue, vectors) for dialogue in dialogues]

    def _texts_to_label(self, dialogues: Sequence[Dialogue]) -> Iterator[str]:
        for dialogue in dialogues:
            for turn in dialogue.turns:
                if self._may_have_concern(turn):
                    yield turn.text

    def _may_have_concern(self, turn: Turn) -> bool:
        if turn.stage is None or turn.concern is not None:
            return False
        if turn.role == "customer":
            return self._taxonomy.customer[turn.stage].kind == "concern"
        return self._taxonomy.sales[turn.stage].kind in ("inform", "answer")

    def _annotate(self, dialogue: Dialogue, vectors: dict[str, Vectors]) -> Dialogue:
        turns = []
        stated: str | None = None  # the concern that the customer has stated last
        for turn in dialogue.turns:
            concern = turn.concern
            if self._may_have_concern(turn):
                vector = vectors[turn.text]
                if turn.role == "customer":
                    concern = self._nearest_concern(vector)
                elif stated is not None and self._answers_concern(stated, vector):
                    concern = stated

            if turn.role == "customer":
                stated = concern or stated
            turns.append(turn.model_copy(update={"concern": concern}))
        return dialogue.model_copy(update={"turns": tuple(turns)})

    def _nearest_concern(self, vector: Vectors) -> str:
        return max(self._raised, key=lambda name: float((self._raised[name] @ vector).max()))

    def _answers_concern(self, concern: str, vector: Vectors) -> bool:
        return float((self._answers[concern] @ vector).max()) >= ANSWER_THRESHOLD
