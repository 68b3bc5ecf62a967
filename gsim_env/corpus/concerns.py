"""Which concern a turn is about, by the taxonomy's own phrases.

No labels are needed, and a given label is kept.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gsim_env.dialogue import Dialogue, Turn
from gsim_env.models import Encoder
from gsim_env.sop import Taxonomy

__all__ = ["ConcernAnnotator"]

ANSWERS = 0.3
"""Cosine similarity to a phrase that answers the stated concern, from which a sales turn is taken to answer it."""


class ConcernAnnotator:
    """Fills ``Turn.concern`` where stages are known.

    A customer's turn at a stage of kind ``concern`` is about the concern whose phrases it is
    nearest to. A sales turn that informs or answers after it is about the same one if it is near
    enough to what answers that.

    Args:
        taxonomy: Whose phrases.
        encoder: phi.
    """

    def __init__(self, taxonomy: Taxonomy, encoder: Encoder) -> None:
        """Embed the phrases."""
        self._taxonomy, self._encoder = taxonomy, encoder
        self._raised = {
            name: encoder.encode(concern.raised) for name, concern in taxonomy.concerns.items()
        }
        self._answers = {
            name: encoder.encode(concern.answers) for name, concern in taxonomy.concerns.items()
        }

    def annotate(self, dialogues: Sequence[Dialogue]) -> list[Dialogue]:
        """Return the dialogues with concerns; turns without a stage are left as they are."""
        texts = list(
            dict.fromkeys(
                turn.text for dialogue in dialogues for turn in dialogue.turns if self._wanted(turn)
            )
        )
        vectors = dict(zip(texts, self._encoder.encode(texts), strict=True)) if texts else {}
        return [self._annotated(dialogue, vectors) for dialogue in dialogues]

    def _wanted(self, turn: Turn) -> bool:
        if turn.stage is None or turn.concern is not None:
            return False
        if turn.role == "customer":
            return self._taxonomy.customer[turn.stage].kind == "concern"
        return self._taxonomy.sales[turn.stage].kind in ("inform", "answer")

    def _annotated(self, dialogue: Dialogue, vectors: dict[str, NDArray[np.float32]]) -> Dialogue:
        stated, turns = None, []
        for turn in dialogue.turns:
            concern = turn.concern
            if self._wanted(turn):
                vector = vectors[turn.text]
                if turn.role == "customer":
                    concern = max(
                        self._raised, key=lambda name: float((self._raised[name] @ vector).max())
                    )
                elif (
                    stated is not None and float((self._answers[stated] @ vector).max()) >= ANSWERS
                ):
                    concern = stated
            if turn.role == "customer":
                stated = concern or stated
            turns.append(turn.model_copy(update={"concern": concern}))
        return dialogue.model_copy(update={"turns": tuple(turns)})
