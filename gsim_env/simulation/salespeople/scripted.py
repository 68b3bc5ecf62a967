"""Scripted salespeople.

One who hears the stated concern and answers it, one who repeats the pitch.
"""

import tomllib
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gsim_env.errors import CorpusError
from gsim_env.groups import Group
from gsim_env.models import Embed
from gsim_env.simulation.salespeople.concern_classifier import CONCERN_THRESHOLD
from gsim_env.simulation.salespeople.protocol import UtteranceFlow
from gsim_env.simulation.utterance import parse_utterance
from gsim_env.sop.probe import LinearProbe

__all__ = ["ListeningSalesperson", "PitchingSalesperson", "SalesScript"]


class SalesScript(BaseModel):
    """The lines of a group's ``script.toml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int
    opening: tuple[str, ...] = Field(min_length=1)
    discovery: tuple[str, ...] = Field(min_length=1)
    pitch: tuple[str, ...] = Field(min_length=1)
    close: tuple[str, ...] = Field(min_length=1)
    answers: dict[str, tuple[str, ...]]

    @classmethod
    def load(cls, group: Group) -> "SalesScript":
        """Read the script of a group.

        Raises:
            CorpusError: if it is missing or malformed.
        """
        file = group.path / "script.toml"
        try:
            return cls.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
        except (OSError, tomllib.TOMLDecodeError, ValidationError) as error:
            raise CorpusError(f"{file}: {error}") from error


class PitchingSalesperson:
    """Opens, then pitches and asks, over and over, whatever the customer says."""

    def __init__(self, script: SalesScript) -> None:
        """Begin a call."""
        self._script, self._turn = script, 0

    def respond(self, heard: str | None) -> UtteranceFlow:  # noqa: ARG002 - not listening is the point
        """Say the opening first, then the pitch; asks for nothing."""
        self._turn += 1
        if self._turn == 1:
            return self._script.opening[0]
        pitch, close = self._script.pitch, self._script.close
        return f"{pitch[self._turn % len(pitch)]} {close[self._turn % len(close)]}"
        yield  # a generator, as every policy is


class ListeningSalesperson:
    """Answers the concern it heard, asks for the deal when there was an answer, else finds out,
    pitches, and then asks too.

    It tells concerns apart by a probe on labeled customer turns.

    Args:
        script: Its lines.
        ear: From :func:`~gsim_env.simulation.salespeople.concern_classifier.concern_classifier`.
    """

    def __init__(self, script: SalesScript, ear: LinearProbe) -> None:
        """Begin a call."""
        self._script, self._ear = script, ear
        self._said: set[str] = set()
        self._answered = 0
        self._asked = False

    def respond(self, heard: str | None) -> UtteranceFlow:
        """Say the next line, none twice while there is another.

        Yields one ``Embed`` of what was heard.
        """
        if heard is None:
            return self._line(self._script.opening)
        vectors = yield Embed((parse_utterance(heard).text,))
        (near,) = self._ear.above(vectors, CONCERN_THRESHOLD, 1)
        concerns = [name for name in near if self._unsaid(self._script.answers.get(name, ()))]
        if concerns:
            self._answered += 1
            answer = self._line(self._script.answers[concerns[0]])
            return f"{answer} {self._line(self._script.close)}" if self._answered > 1 else answer
        discovery, pitch = self._unsaid(self._script.discovery), self._unsaid(self._script.pitch)
        asked, self._asked = self._asked, not self._asked and self._answered > 0
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
