"""The script library of AI-Salesman (arXiv 2511.12133), mined from the accepted calls of a group's corpus."""

import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gsim_env.dialogue import Outcome
from gsim_env.errors import CorpusError
from gsim_env.groups import Group
from gsim_env.models import Encoder
from gsim_env.profiles import RecordedCall
from gsim_env.sop.index import embed_cached
from gsim_env.util.text_safety import sanitize

__all__ = ["Script", "ScriptLibrary", "accepted_calls"]

WORDS = re.compile(r"\w+(?:'\w+)?")

HEARD_ALIKE, TYPICAL, BOUND = 1.0, 1.0, 3.0
"""Weights of a script's fitness: what it answered is like what was heard; it is like other scripts
of its kind; and, against it, the share of its words that belong to the one call it is from. Of four
settings tried on 200 customers of seed 5000 (not those of ``benchmarks/deals.py``), this one won most:
96 of them, where a share that weighs 1 won 80."""


@dataclass(frozen=True, slots=True)
class Script:
    """What a salesperson said in an accepted call.

    Attributes:
        text: The words, as one line.
        stage: Their sales stage; one of the group's taxonomy.
        answers: The concern they answer, if any.
        heard: What the customer had said; ``None`` before the customer's first words.
    """

    text: str
    stage: str
    answers: str | None
    heard: str | None


class ScriptLibrary:
    """Scripts, by sales stage and by the concern they answer, and which of them fit what was just
    heard.

    Args:
        group: The cohort; salespeople's turns of its accepted calls become scripts, each as often
            as it was said.
        encoder: phi.

    Raises:
        CorpusError: if no call of the group was accepted.
    """

    def __init__(self, group: Group, encoder: Encoder) -> None:
        """Mine the scripts and embed them (cached on disk)."""
        calls = accepted_calls(group)
        if not calls:
            raise CorpusError(
                f"No call of the group {group.config.name!r} was accepted: there are no scripts to mine."
            )
        found = [(script, call) for call in calls for script in scripts_of(call)]
        self.scripts = tuple(script for script, _ in found)
        count = len(self.scripts)
        vectors = embed_cached(
            [script.heard or "" for script in self.scripts] + [s.text for s in self.scripts],
            encoder,
        )
        self._heard = vectors[:count]
        said_in = Counter(
            word for call in group.calls for word in words_of(turn.text for turn in call.turns)
        )
        bound = np.array([share_bound(script.text, call, said_in) for script, call in found])
        self._general = TYPICAL * typicality(self.scripts, vectors[count:]) - BOUND * bound
        self._at: dict[tuple[str, str | None], list[int]] = {}
        self._openings = [
            index for index, script in enumerate(self.scripts) if script.heard is None
        ]
        for index, script in enumerate(self.scripts):
            if script.heard is not None:
                self._at.setdefault((script.stage, script.answers), []).append(index)

    def openings(self) -> list[Script]:
        """Return what calls began with, the most general first."""
        return [
            self.scripts[index]
            for index in sorted(self._openings, key=lambda index: -self._general[index])
        ]

    def stages(self, concern: str | None, said: Collection[str]) -> list[str]:
        """Return the stages at which there is a script that answers ``concern`` and is not among ``said``."""
        return [
            stage
            for stage, answers in self._at
            if answers == concern and self._unsaid(stage, concern, said)
        ]

    def fitting(
        self, stage: str, concern: str | None, heard: NDArray[np.float32], said: Collection[str]
    ) -> list[Script]:
        """Return the scripts of a stage that answer ``concern`` (or none), without those ``said``,
        the most fitting first.

        Args:
            stage: The sales stage.
            concern: What they answer.
            heard: phi of what the customer said, shape (d,).
            said: Texts to leave out.
        """
        fitness = HEARD_ALIKE * (self._heard @ heard) + self._general
        found = self._unsaid(stage, concern, said)
        return [self.scripts[index] for index in sorted(found, key=lambda index: -fitness[index])]

    def _unsaid(self, stage: str, concern: str | None, said: Collection[str]) -> list[int]:
        return [
            index
            for index in self._at.get((stage, concern), ())
            if self.scripts[index].text not in said
        ]


def accepted_calls(group: Group) -> list[RecordedCall]:
    """Return the calls of a group's corpus that ended with a deal."""
    return [call for call in group.calls if call.outcome is Outcome.ACCEPTED]


def scripts_of(call: RecordedCall) -> Iterable[Script]:
    """Yield what the salesperson said in a call; a turn of no stage is none of the library's."""
    heard = None
    for turn in call.turns:
        if turn.role == "customer":
            heard = sanitize(turn.text)
        elif turn.stage is not None and (text := sanitize(turn.text)):
            yield Script(text, turn.stage, turn.concern, heard)


def words_of(texts: Iterable[str]) -> set[str]:
    """Return the words of some texts, in lower case."""
    return {word for text in texts for word in WORDS.findall(text.lower())}


def share_bound(text: str, call: RecordedCall, said_in: Counter[str]) -> float:
    """Return the share, 0 to 1, of a text's words that nobody says in another call, or that name the call's customer."""
    own = words_of((call.profile.name, call.profile.listing))
    words = WORDS.findall(text.lower())
    return sum(said_in[word] < 2 or word in own for word in words) / max(len(words), 1)


def typicality(scripts: Collection[Script], vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return how like the scripts of its kind each is: its cosine to their mean, shape (scripts,).

    A kind is all that answers one concern, or all of a stage that answers none.
    """
    rows: dict[tuple[str, str], list[int]] = {}
    for index, script in enumerate(scripts):
        rows.setdefault(
            ("stage", script.stage) if script.answers is None else ("answers", script.answers), []
        ).append(index)
    typical = np.zeros(len(scripts))
    for own in rows.values():
        mean = vectors[own].mean(axis=0)
        typical[own] = vectors[own] @ mean / max(float(np.linalg.norm(mean)), 1e-9)
    return typical
