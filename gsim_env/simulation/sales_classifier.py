"""Reading the salesperson without a language model.

Linear probes on the sentence encoder, fitted to labeled examples.
"""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsim_env.groups import Group
from gsim_env.models import Encoder
from gsim_env.simulation.state import SalesMove
from gsim_env.simulation.utterance import SanitizedUtterance
from gsim_env.sop.index import embed_cached
from gsim_env.sop.probe import LinearProbe

__all__ = ["SalesMoveClassifier"]

SAID_BEFORE = 0.9
"""Cosine similarity from which an utterance counts as one that was said before in the call."""

ANSWERS, ANSWER_SCORE = 2, 0.15
"""An utterance may answer the best concerns, this many, each if it scores at least so much. How
often that finds an answer, and mistakes another turn for one, is measured on calls left out:
tests/simulation/test_reading.py."""

SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


class SalesMoveClassifier:
    """Says what an utterance does (its SOP stage) and which concern it answers.

    Examples are the taxonomy's own and every labeled sales turn of the corpus; a turn that answers
    no concern is one of what answers look unlike. Of several sentences the last is also read by
    itself, and so is the rest, for "... so you can leave any time. Shall we try it?" answers and
    asks.

    Args:
        group: Whose taxonomy and corpus give the examples.
        encoder: phi.
    """

    def __init__(self, group: Group, encoder: Encoder) -> None:
        """Embed the examples (cached on disk) and fit the probes."""
        taxonomy = group.taxonomy
        self._kinds = {name: stage.kind for name, stage in taxonomy.sales.items()}
        examples: list[tuple[str, str | None, str | None]] = []
        for name, stage in taxonomy.sales.items():
            examples += [(text, name, None) for text in stage.examples]
        for call in group.calls:
            examples += [
                (turn.text, turn.stage, turn.concern) for turn in call.turns if turn.role == "sales"
            ]
        for name, concern in taxonomy.concerns.items():
            examples += [(text, None, name) for text in concern.answers]
        texts, stages, concerns = zip(*examples, strict=True)
        vectors = embed_cached(texts, encoder)
        self._stages, self._answers = LinearProbe(stages, vectors), LinearProbe(concerns, vectors)

    def texts(self, heard: SanitizedUtterance) -> tuple[str, ...]:
        """Return the texts that :meth:`read` needs embedded.

        The whole and, of several sentences, the last and the rest.
        """
        *rest, last = SENTENCE_END.split(heard.text)
        return (heard.text, last, " ".join(rest)) if rest else (heard.text,)

    def read(
        self, heard: SanitizedUtterance, vectors: NDArray[np.float32] | None, memory: list[Any]
    ) -> SalesMove:
        """Return the move.

        ``vectors`` embed :meth:`texts`, ``memory`` holds those of earlier utterances and grows.
        """
        if vectors is None:
            return SalesMove("neutral", "", wasted=True)
        whole = vectors[0]
        repeated = bool(memory) and float(np.max(np.stack(memory) @ whole)) > SAID_BEFORE
        memory.append(whole)
        stages = self._stages.best(vectors[:2])
        answered = self._answers.above(vectors[::2], ANSWER_SCORE, ANSWERS)
        return SalesMove(
            kind=self._kinds[stages[0]],
            stage=stages[0],
            answers=frozenset(name for names in answered for name in names),
            asks=any(self._kinds[stage] == "ask" for stage in stages),
            wasted=repeated or heard.garbled,
            words=heard.words,
        )
