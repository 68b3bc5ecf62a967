"""The pairs (c, y+, y-) of appendix B.1.

What the human said and what a model said in the same place.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gsim_env.corpus.d_sim import read_rows, turn_key
from gsim_env.discriminator.negatives import SENTENCE_END, key_of, read
from gsim_env.errors import CorpusError
from gsim_env.rewards.format import length
from gsim_env.rewards.turns import Turn, fault_of
from gsim_env.util.splits import is_held_out

__all__ = [
    "Answers",
    "Floats",
    "Pair",
    "counts",
    "digest",
    "held_out",
    "laid_out",
    "load",
    "matched",
    "people",
]

Floats = NDArray[np.float64]

NEAR = 0.2
"""Two answers are of one length if they differ by so much of the human's words, or by one word."""


@dataclass(frozen=True)
class Pair:
    """One context with two answers.

    Attributes:
        call_id: Which dialogue.
        turn: Which of its customer turns.
        generator: Which model gave the machine's answer.
        temperature: At which temperature.
        real: The human's answer, in its context.
        fake: The machine's, in the same.
    """

    call_id: str
    turn: int
    generator: str
    temperature: float
    real: Turn
    fake: Turn


class Answers(NamedTuple):
    """Answers to learn from.

    Attributes:
        turns: In their contexts.
        real: Which are a person's, shape (turns,).
        dialogues: Of which dialogue each is: what is told apart goes by dialogues.
    """

    turns: list[Turn]
    real: NDArray[np.bool_]
    dialogues: list[str]

    def joined(self, others: "Answers") -> "Answers":
        """Return these and others."""
        return Answers(
            [*self.turns, *others.turns],
            np.concatenate([self.real, others.real]),
            [*self.dialogues, *others.dialogues],
        )


def load(d_sim: Path, negatives: Path) -> list[Pair]:
    """Return the pairs of all negatives that are answers at all
    (:func:`~gsim_env.rewards.turns.fault_of`).

    Raises:
        CorpusError: if a negative belongs to no row of D_sim, or none is left.
    """
    rows = {turn_key(row): row for row in read_rows(d_sim)}
    pairs = []
    for found in read(negatives):
        row = rows.get(key_of(found))
        if row is None:
            raise CorpusError(
                f"{negatives}: {found['call_id']!r}, turn {found['turn']}, is not in {d_sim}."
            )
        context = row["extra_info"]["context"]
        real, fake = (
            Turn(context, row["reward_model"]["ground_truth"]),
            Turn(context, found["text"]),
        )
        if fault_of(fake) is None and fault_of(real) is None:
            pairs.append(Pair(*key_of(found), found["generator"], found["temperature"], real, fake))
    if not pairs:
        raise CorpusError(f"{negatives} holds no answer to any row of {d_sim}.")
    return pairs


def held_out(call_id: str, share: float, purpose: str = "test") -> bool:
    """Return whether a dialogue is held out for a purpose; the same ones whatever the negatives."""
    return is_held_out(f"{purpose} {call_id}", share)


def people(d_sim: Path, wanted: Callable[[str], bool]) -> Answers:
    """Return every human turn of the dialogues that are wanted, answered by a machine or not."""
    found = [
        (
            Turn(row["extra_info"]["context"], row["reward_model"]["ground_truth"]),
            row["extra_info"]["call_id"],
        )
        for row in read_rows(d_sim)
        if wanted(row["extra_info"]["call_id"])
    ]
    return Answers(
        [turn for turn, _ in found], np.ones(len(found), dtype=bool), [name for _, name in found]
    )


def matched(pairs: Sequence[Pair], language: str = "en") -> Iterator[Pair]:
    """Yield pairs whose answers are of one length.

    The machine's is cut after a sentence where that makes it so.

    Models run on: without cutting, next to no pair matches, and a discriminator that reads length
    alone would do well.
    """
    for pair in pairs:
        wanted = length(pair.real.answer, language)
        best = min(
            beginnings(pair.fake.answer), key=lambda text: abs(length(text, language) - wanted)
        )
        if abs(length(best, language) - wanted) <= max(1, NEAR * wanted):
            yield replace(pair, fake=pair.fake._replace(answer=best))


def beginnings(text: str) -> list[str]:
    """Return what a text begins with, up to the end of each of its sentences."""
    return [text[: found.end()] for found in SENTENCE_END.finditer(text)] + [text]


def laid_out(pairs: Sequence[Pair]) -> Answers:
    """Return both answers of each pair, the human's first."""
    return Answers(
        [turn for pair in pairs for turn in (pair.real, pair.fake)],
        np.array([True, False] * len(pairs)),
        [pair.call_id for pair in pairs for _ in range(2)],
    )


def digest(file: Path) -> str:
    """Return the SHA-256 of a file, for results."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def counts(pairs: Sequence[Pair]) -> dict[str, int]:
    """Return how many pairs there are of each generator."""
    return dict(sorted(Counter(pair.generator for pair in pairs).items()))
