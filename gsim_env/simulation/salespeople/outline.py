"""A salesperson by outline, after AI-Salesman (arXiv 2511.12133).

The stage that comes next, and the script that fits it.
"""

from collections import Counter
from collections.abc import Collection, Generator, Iterable
from typing import Any

import numpy as np

from gsim_env.models import Embed
from gsim_env.profiles import RecordedCall
from gsim_env.simulation.salespeople.concern_classifier import CONCERN_THRESHOLD
from gsim_env.simulation.salespeople.llm import LLMSalesperson
from gsim_env.simulation.salespeople.protocol import UtteranceFlow
from gsim_env.simulation.salespeople.script_library import Script, ScriptLibrary
from gsim_env.simulation.utterance import parse_utterance
from gsim_env.sop.probe import LinearProbe
from gsim_env.sop.taxonomy import Taxonomy

__all__ = ["Outline", "OutlineSalesperson"]

SCRIPTS = 3
"""The most scripts that are suggested to a model, and among how many an opening is drawn."""

MANY = 4
"""From how many answers on it is not counted how many there were."""

Situation = tuple[str | int | bool, ...]


class Outline:
    """Which sales stage follows in calls that were won, by the last one, how much was answered, and
    what is open.

    Args:
        calls: The calls to count in.
    """

    def __init__(self, calls: Iterable[RecordedCall]) -> None:
        """Count."""
        self._counts: dict[Situation, Counter[str]] = {}
        for call in calls:
            last, answered, is_open = None, 0, False
            for turn in call.turns:
                if turn.role == "customer":
                    is_open = turn.concern is not None
                elif turn.stage is not None:
                    if last is not None:
                        for situation in situations(last, answered, is_open=is_open):
                            self._counts.setdefault(situation, Counter())[turn.stage] += 1
                    last, answered = turn.stage, answered + (turn.concern is not None)

    def draw(
        self,
        rng: np.random.Generator,
        last: str,
        answered: int,
        legal: Collection[str],
        *,
        is_open: bool,
    ) -> str:
        """Draw the next stage among ``legal`` ones as often as it came.

        By less of the situation where none ever came.

        Args:
            rng: The source of the draw.
            last: The stage of what was said last.
            answered: How many concerns have been answered.
            legal: The stages to choose among, at least one.
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
    """Return the keys of a situation, from all that is known of it to what matters most."""
    many = min(answered, MANY)
    return [(last, many, is_open), (many, is_open), (is_open,)]


class OutlineSalesperson:
    """Hears which concern was raised, comes to the next stage of the outline, and says the script
    that fits.

    All it goes by is what the customer said: the concern is a probe's guess. No script comes twice
    while there is another.

    Args:
        library: The scripts.
        outline: What follows what.
        ear: From :func:`~gsim_env.simulation.salespeople.concern_classifier.concern_classifier`.
        taxonomy: The group's stages.
        rng: The source of its draws.
        voice: Words the scripts; ``None`` to say them as they are.
    """

    def __init__(
        self,
        library: ScriptLibrary,
        outline: Outline,
        ear: LinearProbe,
        taxonomy: Taxonomy,
        rng: np.random.Generator,
        voice: LLMSalesperson | None = None,
    ) -> None:
        """Begin a call."""
        self._library, self._outline, self._ear, self._taxonomy = library, outline, ear, taxonomy
        self._rng, self._voice = rng, voice
        self._said: set[str] = set()
        self._answered = 0
        self._last = ""

    def respond(self, heard: str | None) -> UtteranceFlow:
        """Say the script that fits.

        Yields one ``Embed`` of what was heard, and what the voice asks for.

        Raises:
            SimulatorError: if the voice says nothing in three tries.
        """
        scripts = (
            self._open()
            if heard is None
            else (yield from self._choose(parse_utterance(heard).text))
        )
        first = scripts[0]
        self._last, self._answered = first.stage, self._answered + (first.answers is not None)
        words = first.text
        if self._voice is not None:
            words = yield from self._voice.respond(heard, scripts)
        self._said |= {first.text, words}
        return words

    def _open(self) -> list[Script]:
        scripts = self._library.openings()[:SCRIPTS]
        drawn = int(self._rng.integers(len(scripts)))
        return scripts[drawn:] + scripts[:drawn]

    def _choose(self, heard: str) -> Generator[Embed, Any, list[Script]]:
        """Return up to three scripts of one stage, the most fitting first."""
        vectors = yield Embed((heard,))
        (raised,) = self._ear.above(vectors, CONCERN_THRESHOLD, 1)
        for said in (self._said, set[str]()):
            for concern in (*raised, None):
                if legal := self._legal(concern, said):
                    is_open = concern is not None
                    stage = self._outline.draw(
                        self._rng, self._last, self._answered, legal, is_open=is_open
                    )
                    return self._library.fitting(stage, concern, vectors[0], said)[:SCRIPTS]
        return self._open()

    def _legal(self, concern: str | None, said: Collection[str]) -> list[str]:
        """Return the stages that have a script; a call that may still be won is not ended."""
        stages = self._library.stages(concern, said)
        return [stage for stage in stages if self._taxonomy.sales[stage].kind != "end"]
