"""The script library of AI-Salesman (arXiv 2511.12133), mined from accepted calls."""

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
from gsim_env.util.text import split_words
from gsim_env.util.text_safety import sanitize_text

__all__ = ["Script", "ScriptLibrary", "accepted_calls"]

UTTERANCE_SIMILARITY_WEIGHT = 1.0
TYPICALITY_WEIGHT = 1.0
CALL_SPECIFIC_WEIGHT = 3.0
"""Weights of a script's fitness; the share of call-specific words counts against it.

Chosen on other customers than those of ``benchmarks/deals.py``.
"""


@dataclass(frozen=True, slots=True)
class Script:
    """A recorded sales utterance of an accepted call, with its SOP stage and answered concern.

    Attributes:
        text: The words, as one line.
        stage: Their sales stage; one of the group's taxonomy.
        answers: The concern they answer, if any.
        heard: The customer's utterance before it; ``None`` at the start of the call.
    """

    text: str
    stage: str
    answers: str | None
    heard: str | None


class ScriptLibrary:
    """Recorded sales utterances of accepted calls, retrieved by stage, concern and similarity.

    Args:
        group: The cohort; each salesperson's turn of its accepted calls becomes a script.
        encoder: phi.

    Raises:
        CorpusError: if no call of the group was accepted.
    """

    def __init__(self, group: Group, encoder: Encoder) -> None:
        """Mine the scripts and embed them (cached on disk)."""
        calls = accepted_calls(group)
        if not calls:
            raise CorpusError(
                f"The group {group.config.name!r} has no accepted call to mine scripts from."
            )

        sources: list[RecordedCall] = []
        scripts: list[Script] = []
        for call in calls:
            for script in scripts_of(call):
                sources.append(call)
                scripts.append(script)
        self.scripts = tuple(scripts)

        heard = [script.heard or "" for script in scripts]
        vectors = embed_cached(heard + [script.text for script in scripts], encoder)
        self._heard = vectors[: len(scripts)]

        # Fitness without the similarity to the customer's words.
        said_in = calls_by_word(group)
        specific = np.array(
            [
                call_specific_share(script.text, call, said_in)
                for script, call in zip(scripts, sources, strict=True)
            ]
        )
        self._general = (
            TYPICALITY_WEIGHT * typicality(scripts, vectors[len(scripts) :])
            - CALL_SPECIFIC_WEIGHT * specific
        )

        self._openings = [index for index, script in enumerate(scripts) if script.heard is None]
        self._at: dict[tuple[str, str | None], list[int]] = {}
        for index, script in enumerate(scripts):
            if script.heard is not None:
                self._at.setdefault((script.stage, script.answers), []).append(index)

    def openings(self) -> list[Script]:
        """Return the recorded opening lines of sales calls, the most general first."""
        indices = sorted(self._openings, key=lambda index: -self._general[index])
        return [self.scripts[index] for index in indices]

    def stages(self, concern: str | None, said: Collection[str]) -> list[str]:
        """Return the sales stages that have an unused script for a concern."""
        return [
            stage
            for stage, answers in self._at
            if answers == concern and self._unsaid(stage, concern, said)
        ]

    def fitting(
        self, stage: str, concern: str | None, heard: NDArray[np.float32], said: Collection[str]
    ) -> list[Script]:
        """Return the sales scripts of a stage and concern, best fit to the customer first.

        Args:
            stage: The sales stage.
            concern: The answered concern; ``None`` for scripts that answer none.
            heard: phi of the customer's words, shape (d,).
            said: Texts to leave out.
        """
        fitness = UTTERANCE_SIMILARITY_WEIGHT * (self._heard @ heard) + self._general
        indices = self._unsaid(stage, concern, said)
        indices.sort(key=lambda index: -fitness[index])
        return [self.scripts[index] for index in indices]

    def _unsaid(self, stage: str, concern: str | None, said: Collection[str]) -> list[int]:
        return [
            index
            for index in self._at.get((stage, concern), ())
            if self.scripts[index].text not in said
        ]


def accepted_calls(group: Group) -> list[RecordedCall]:
    """Return the recorded calls of a group in which the customer accepted."""
    return [call for call in group.calls if call.outcome is Outcome.ACCEPTED]


def scripts_of(call: RecordedCall) -> Iterable[Script]:
    """Yield the sales utterances of a recorded call as scripts, except turns without a stage."""
    heard = None
    for turn in call.turns:
        if turn.role == "customer":
            heard = sanitize_text(turn.text)
        elif turn.stage is not None and (text := sanitize_text(turn.text)):
            yield Script(text, turn.stage, turn.concern, heard)


def words_of(texts: Iterable[str]) -> set[str]:
    """Return the distinct words of texts, in lower case."""
    words: set[str] = set()
    for text in texts:
        words.update(split_words(text))
    return words


def calls_by_word(group: Group) -> Counter[str]:
    """Return each word's document frequency: the number of a group's calls in which it occurs."""
    counts: Counter[str] = Counter()
    for call in group.calls:
        counts.update(words_of(turn.text for turn in call.turns))
    return counts


def call_specific_share(text: str, call: RecordedCall, said_in: Counter[str]) -> float:
    """Return the share of a text's words that are specific to one call or name its customer."""
    names = words_of((call.profile.name, call.profile.listing))
    words = split_words(text)
    return sum(said_in[word] < 2 or word in names for word in words) / max(len(words), 1)


def typicality(scripts: Collection[Script], vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return each script's cosine to the mean embedding of its stage or concern, shape (scripts,).

    A kind is all scripts that answer one concern, or all of a stage that answer none.
    """
    rows: dict[tuple[str, str], list[int]] = {}
    for index, script in enumerate(scripts):
        is_answer = script.answers is not None
        kind = ("answers", script.answers or "") if is_answer else ("stage", script.stage)
        rows.setdefault(kind, []).append(index)

    typical = np.zeros(len(scripts))
    for kind_rows in rows.values():
        mean = vectors[kind_rows].mean(axis=0)
        typical[kind_rows] = vectors[kind_rows] @ mean / max(float(np.linalg.norm(mean)), 1e-9)
    return typical
