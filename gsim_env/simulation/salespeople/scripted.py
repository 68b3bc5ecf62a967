"""Scripted salespeople: one answers the stated concern, one repeats the pitch."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from gsim_env.groups import Group
from gsim_env.models import EmbeddingRequest
from gsim_env.simulation.salespeople.concern_classifier import CONCERN_THRESHOLD
from gsim_env.simulation.salespeople.protocol import UtteranceFlow
from gsim_env.simulation.utterance import parse_utterance
from gsim_env.sop.probe import LinearProbe
from gsim_env.util.files import load_toml_model

__all__ = ["ListeningSalesperson", "PitchingSalesperson", "SalesScript"]


class SalesScript(BaseModel):
    """The lines of a group's scripted salespeople, from ``script.toml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int
    opening: tuple[str, ...] = Field(min_length=1)
    discovery: tuple[str, ...] = Field(min_length=1)
    pitch: tuple[str, ...] = Field(min_length=1)
    close: tuple[str, ...] = Field(min_length=1)
    answers: dict[str, tuple[str, ...]]

    @classmethod
    def load(cls, group: Group) -> "SalesScript":
        """Load a group's sales script from ``script.toml``.

        Raises:
            CorpusError: if it is missing or malformed.
        """
        return load_toml_model(cls, group.path / "script.toml")


class PitchingSalesperson:
    """Scripted salesperson that ignores the customer: opening, then a pitch and a close."""

    def __init__(self, script: SalesScript) -> None:
        """Begin a call."""
        self._script = script
        self._turn = 0

    def respond(self, heard: str | None) -> UtteranceFlow:  # noqa: ARG002 - it ignores the customer
        """Return the salesperson's next line: the opening, then a pitch with a close."""
        self._turn += 1
        if self._turn == 1:
            return self._script.opening[0]

        pitch = self._script.pitch
        close = self._script.close
        return f"{pitch[self._turn % len(pitch)]} {close[self._turn % len(close)]}"
        yield  # makes it a generator, as every policy is


class ListeningSalesperson:
    """Scripted salesperson that answers detected concerns, closes after an answer, else pitches.

    It asks questions before it pitches.

    Args:
        script: Its lines.
        classifier: From
            :func:`~gsim_env.simulation.salespeople.concern_classifier.concern_classifier`.
    """

    def __init__(self, script: SalesScript, classifier: LinearProbe) -> None:
        """Begin a call."""
        self._script = script
        self._classifier = classifier
        self._said: set[str] = set()
        self._answered = 0
        self._asked = False

    def respond(self, heard: str | None) -> UtteranceFlow:
        """Return the salesperson's next scripted line; unused lines come first.

        Yields one ``EmbeddingRequest`` of the customer's words.
        """
        if heard is None:
            return self._line(self._script.opening)

        vectors = yield EmbeddingRequest((parse_utterance(heard).text,))
        (detected,) = self._classifier.above(vectors, CONCERN_THRESHOLD, 1)
        concerns = [name for name in detected if self._unsaid(self._script.answers.get(name, ()))]
        if concerns:
            self._answered += 1
            answer = self._line(self._script.answers[concerns[0]])
            return f"{answer} {self._line(self._script.close)}" if self._answered > 1 else answer

        discovery = self._unsaid(self._script.discovery)
        pitch = self._unsaid(self._script.pitch)
        asked = self._asked
        self._asked = not asked and self._answered > 0
        if self._asked:
            return self._line(self._script.close)
        if asked and pitch:
            return self._line(pitch)
        return self._line(discovery or pitch or self._script.close)

    def _unsaid(self, lines: Sequence[str]) -> list[str]:
        return [line for line in lines if line not in self._said]

    def _line(self, lines: Sequence[str]) -> str:
        line = (self._unsaid(lines) or list(lines))[0]
        self._said.add(line)
        return line
