"""A salesperson by outline, after AI-Salesman (arXiv 2511.12133): next stage, fitting script."""

from collections import Counter
from collections.abc import Collection, Generator, Iterable
from typing import Any

import numpy as np

from gsim_env.models import EmbeddingRequest
from gsim_env.profiles import RecordedCall
from gsim_env.simulation.salespeople.concern_classifier import CONCERN_THRESHOLD
from gsim_env.simulation.salespeople.llm import LLMSalesperson
from gsim_env.simulation.salespeople.protocol import UtteranceFlow
from gsim_env.simulation.salespeople.script_library import Script, ScriptLibrary
from gsim_env.simulation.utterance import parse_utterance
from gsim_env.sop.probe import LinearProbe
from gsim_env.sop.taxonomy import Taxonomy

__all__ = ["Outline", "OutlineSalesperson"]

MAX_SCRIPTS = 3
"""Maximum number of scripts suggested to a model, and of openings to draw from."""

MAX_ANSWERED = 4
"""Cap on the number of answered concerns used as a feature."""

Situation = tuple[str | int | bool, ...]


class Outline:
    """Transition counts of the salesperson's SOP stages in accepted calls, by situation.

    A situation is the last sales stage, the number of answered concerns, and whether the customer
    has just raised a concern.

    Args:
        calls: The calls to count.
    """

    def __init__(self, calls: Iterable[RecordedCall]) -> None:
        """Count the transitions."""
        self._counts: dict[Situation, Counter[str]] = {}
        for call in calls:
            self._count(call)

    def _count(self, call: RecordedCall) -> None:
        """Count the transitions of one call."""
        last: str | None = None
        answered = 0
        is_open = False
        for turn in call.turns:
            if turn.role == "customer":
                is_open = turn.concern is not None
                continue
            if turn.stage is None:
                continue

            if last is not None:
                for situation in situations(last, answered, is_open=is_open):
                    self._counts.setdefault(situation, Counter())[turn.stage] += 1
            last = turn.stage
            answered += turn.concern is not None

    def draw(
        self,
        rng: np.random.Generator,
        last: str,
        answered: int,
        legal: Collection[str],
        *,
        is_open: bool,
    ) -> str:
        """Draw the salesperson's next SOP stage by transition counts, among the ``legal`` stages.

        Backs off to a less specific situation, and finally to a uniform draw, if no count is left.

        Args:
            rng: The source of the draw.
            last: The stage of the salesperson's last utterance.
            answered: Number of answered concerns.
            legal: The stages to choose from, at least one.
            is_open: Whether the customer has just raised a concern.
        """
        names = sorted(legal)
        for situation in situations(last, answered, is_open=is_open):
            counts = self._counts.get(situation, Counter())
            shares = np.cumsum([counts[name] for name in names])
            if shares[-1]:
                return names[int(np.searchsorted(shares, rng.random() * shares[-1], side="right"))]
        return names[int(rng.integers(len(names)))]


def situations(last: str, answered: int, *, is_open: bool) -> list[Situation]:
    """Return the keys of a call's situation for the transition counts, most specific first."""
    capped = min(answered, MAX_ANSWERED)
    return [(last, capped, is_open), (capped, is_open), (is_open,)]


class OutlineSalesperson:
    """Salesperson policy that follows a stage outline and says recorded scripts (AI-Salesman).

    Detects the raised concern, draws the next stage of the outline, and says a fitting script. It
    knows the customer's words only. No script is repeated while there is another.

    Args:
        library: The scripts.
        outline: The transition counts.
        classifier: From
            :func:`~gsim_env.simulation.salespeople.concern_classifier.concern_classifier`.
        taxonomy: The group's stages.
        rng: The source of its draws.
        model: Rewords the scripts; ``None`` to say them verbatim.
    """

    def __init__(
        self,
        library: ScriptLibrary,
        outline: Outline,
        classifier: LinearProbe,
        taxonomy: Taxonomy,
        rng: np.random.Generator,
        model: LLMSalesperson | None = None,
    ) -> None:
        """Begin a call."""
        self._library = library
        self._outline = outline
        self._classifier = classifier
        self._taxonomy = taxonomy
        self._rng = rng
        self._model = model
        self._said: set[str] = set()
        self._answered = 0
        self._last = ""

    def respond(self, heard: str | None) -> UtteranceFlow:
        """Return the salesperson's next utterance for the customer's last one.

        Yields one ``EmbeddingRequest`` of the customer's words, and the requests of the model.

        Raises:
            SimulatorError: if the model says nothing in three tries.
        """
        if heard is None:
            scripts = self._open()
        else:
            scripts = yield from self._choose(parse_utterance(heard).text)

        first = scripts[0]
        self._last = first.stage
        self._answered += first.answers is not None

        words = first.text
        if self._model is not None:
            words = yield from self._model.respond(heard, scripts)
        self._said |= {first.text, words}
        return words

    def _open(self) -> list[Script]:
        """Return the openings, beginning with a random one."""
        scripts = self._library.openings()[:MAX_SCRIPTS]
        drawn = int(self._rng.integers(len(scripts)))
        return scripts[drawn:] + scripts[:drawn]

    def _choose(self, heard: str) -> Generator[EmbeddingRequest, Any, list[Script]]:
        """Return up to three scripts of one stage, best first."""
        vectors = yield EmbeddingRequest((heard,))
        (raised,) = self._classifier.above(vectors, CONCERN_THRESHOLD, 1)

        # Scripts that were not said come first, then all; with the concern first, then without.
        for said in (self._said, set[str]()):
            for concern in (*raised, None):
                legal = self._legal(concern, said)
                if not legal:
                    continue
                is_open = concern is not None
                stage = self._outline.draw(
                    self._rng, self._last, self._answered, legal, is_open=is_open
                )
                return self._library.fitting(stage, concern, vectors[0], said)[:MAX_SCRIPTS]
        return self._open()

    def _legal(self, concern: str | None, said: Collection[str]) -> list[str]:
        """Return the stages that have a script and do not end the call."""
        stages = self._library.stages(concern, said)
        return [stage for stage in stages if self._taxonomy.sales[stage].kind != "end"]
