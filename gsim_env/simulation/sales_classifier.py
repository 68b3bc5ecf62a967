"""SalesMoveClassifier: linear probes that classify the salesperson's utterances."""

import re
from itertools import chain
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

REPEAT_SIMILARITY = 0.9
"""Cosine similarity above which an utterance repeats an earlier one of the call."""

MAX_ANSWERED_CONCERNS = 2
ANSWER_THRESHOLD = 0.15
"""At most this many concerns are considered answered, each only from this score on.

Precision and recall on held-out calls: ``tests/simulation/test_sales_classifier.py``.
"""

SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


class SalesMoveClassifier:
    """Classifier of sales utterances: the SOP stage, and the customer concerns answered.

    The training examples are the taxonomy's phrases and the corpus's labeled sales turns. Of
    several sentences, the last one and the rest are also classified separately: "... so you can
    leave any time. Shall we try it?" answers and asks.

    Args:
        group: The cohort; its taxonomy and corpus give the examples.
        encoder: phi.
    """

    def __init__(self, group: Group, encoder: Encoder) -> None:
        """Embed the examples (cached on disk) and fit the probes."""
        taxonomy = group.taxonomy
        self._kinds = {name: stage.kind for name, stage in taxonomy.sales.items()}

        examples: list[tuple[str, str | None, str | None]] = []
        for name, stage in taxonomy.sales.items():
            examples += [(text, name, None) for text in stage.examples]
        for turn in chain.from_iterable(call.turns for call in group.calls):
            if turn.role == "sales":
                examples.append((turn.text, turn.stage, turn.concern))
        for name, concern in taxonomy.concerns.items():
            examples += [(text, None, name) for text in concern.answers]

        texts, stages, concerns = zip(*examples, strict=True)
        vectors = embed_cached(texts, encoder)
        self._stages = LinearProbe(stages, vectors)
        self._answers = LinearProbe(concerns, vectors)

    def texts(self, heard: SanitizedUtterance) -> tuple[str, ...]:
        """Return the parts of a sales utterance to embed: all, the last sentence, the rest."""
        *rest, last = SENTENCE_END.split(heard.text)
        return (heard.text, last, " ".join(rest)) if rest else (heard.text,)

    def read(
        self, heard: SanitizedUtterance, vectors: NDArray[np.float32] | None, memory: list[Any]
    ) -> SalesMove:
        """Classify an embedded sales utterance as a move: stage, answered concerns, repetition.

        Args:
            heard: The utterance.
            vectors: phi of :meth:`texts`; ``None`` for silence.
            memory: Vectors of earlier utterances of the call; this one is appended.
        """
        if vectors is None:
            return SalesMove("neutral", "", wasted=True)

        whole = vectors[0]
        repeated = bool(memory) and float(np.max(np.stack(memory) @ whole)) > REPEAT_SIMILARITY
        memory.append(whole)

        stages = self._stages.best(vectors[:2])
        answered = self._answers.above(vectors[::2], ANSWER_THRESHOLD, MAX_ANSWERED_CONCERNS)
        return SalesMove(
            kind=self._kinds[stages[0]],
            stage=stages[0],
            answers=frozenset(chain.from_iterable(answered)),
            asks=any(self._kinds[stage] == "ask" for stage in stages),
            wasted=repeated or heard.garbled,
            words=heard.words,
        )
