"""Training pairs (c, y+, y-): a human and a model answer in the same context (appendix B.1)."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gsim_env.corpus.d_sim import read_rows, turn_key
from gsim_env.discriminator.negatives import (
    SENTENCE_END,
    read_negatives,
)
from gsim_env.errors import CorpusError
from gsim_env.rewards.turns import Turn, fault_of
from gsim_env.util.splits import is_held_out
from gsim_env.util.text import count_words

__all__ = [
    "Answers",
    "Floats",
    "Pair",
    "answers_of",
    "count_by_generator",
    "human_answers",
    "is_dialogue_held_out",
    "length_matched",
    "load_pairs",
    "split_by_dialogue",
]

Floats = NDArray[np.float64]

LENGTH_TOLERANCE = 0.2
"""Answers match in length if they differ by this share of the human's words, or by one word."""


@dataclass(frozen=True)
class Pair:
    """One context with a human and a model answer.

    Attributes:
        call_id: The dialogue.
        turn: The number of the customer turn in it.
        generator: The model that generated the answer.
        temperature: Its sampling temperature.
        real: The human's answer, y+.
        fake: The model's answer, y-.
    """

    call_id: str
    turn: int
    generator: str
    temperature: float
    real: Turn
    fake: Turn


class Answers(NamedTuple):
    """Answers labeled as a human's or a model's.

    Attributes:
        turns: Answers in their contexts.
        real: True for a human's answer, shape (turns,).
        dialogues: The dialogue of each answer; training splits keep dialogues together.
    """

    turns: list[Turn]
    real: NDArray[np.bool_]
    dialogues: list[str]

    def concatenate(self, others: "Answers") -> "Answers":
        """Return these answers followed by others."""
        return Answers(
            [*self.turns, *others.turns],
            np.concatenate([self.real, others.real]),
            [*self.dialogues, *others.dialogues],
        )


def load_pairs(d_sim: Path, negatives: Path) -> list[Pair]:
    """Return a pair of the human and the model answer for each negative.

    Pairs in which an answer is a fault (:func:`~gsim_env.rewards.turns.fault_of`) are left out.

    Raises:
        CorpusError: if a negative belongs to no row of D_sim, or no pair is left.
    """
    rows = {turn_key(row): row for row in read_rows(d_sim)}

    pairs = []
    for negative in read_negatives(negatives):
        row = rows.get(negative.key)
        if row is None:
            raise CorpusError(
                f"{negatives}: turn {negative.turn} of {negative.call_id!r} is not in {d_sim}. "
                "Give the D_sim that the negatives were generated for, or another negatives file."
            )

        context = row["extra_info"]["context"]
        real = Turn(context, row["reward_model"]["ground_truth"])
        fake = Turn(context, negative.text)
        if fault_of(fake) is None and fault_of(real) is None:
            pair = Pair(*negative.key, negative.generator, negative.temperature, real, fake)
            pairs.append(pair)

    if not pairs:
        raise CorpusError(
            f"{negatives} holds no answer to any row of {d_sim}. Configure a generator."
        )
    return pairs


def is_dialogue_held_out(call_id: str, share: float, purpose: str = "test") -> bool:
    """Return whether a dialogue is held out for a purpose; new negatives do not change it."""
    return is_held_out(f"{purpose} {call_id}", share)


def split_by_dialogue(
    pairs: Sequence[Pair], share: float, purpose: str = "test"
) -> tuple[list[Pair], list[Pair]]:
    """Return the pairs of training dialogues and those of held-out dialogues."""
    training: list[Pair] = []
    held_out: list[Pair] = []
    for pair in pairs:
        part = held_out if is_dialogue_held_out(pair.call_id, share, purpose) else training
        part.append(pair)
    return training, held_out


def human_answers(d_sim: Path, include: Callable[[str], bool]) -> Answers:
    """Return every human answer of the included dialogues, with or without a negative."""
    turns: list[Turn] = []
    dialogues: list[str] = []
    for row in read_rows(d_sim):
        call_id = row["extra_info"]["call_id"]
        if include(call_id):
            turns.append(Turn(row["extra_info"]["context"], row["reward_model"]["ground_truth"]))
            dialogues.append(call_id)

    return Answers(turns, np.ones(len(turns), dtype=bool), dialogues)


def length_matched(pairs: Sequence[Pair], language: str = "en") -> Iterator[Pair]:
    """Yield the pairs whose answers match in length, model answers shortened where that helps.

    A model answer is cut after the sentence that brings it closest to the human's length. Models
    write long answers: without cutting, almost no pair would match, and a discriminator could do
    well by length alone.
    """
    for pair in pairs:
        human_length = count_words(pair.real.answer, language)

        candidates = sentence_prefixes(pair.fake.answer)
        gaps = [abs(count_words(text, language) - human_length) for text in candidates]
        gap = min(gaps)
        closest = candidates[gaps.index(gap)]

        if gap <= max(1, LENGTH_TOLERANCE * human_length):
            yield replace(pair, fake=pair.fake._replace(answer=closest))


def sentence_prefixes(text: str) -> list[str]:
    """Return the text up to the end of each of its sentences, and the whole text."""
    return [text[: match.end()] for match in SENTENCE_END.finditer(text)] + [text]


def answers_of(pairs: Sequence[Pair]) -> Answers:
    """Return both answers of each pair, the human's first."""
    turns: list[Turn] = []
    dialogues: list[str] = []
    for pair in pairs:
        turns += [pair.real, pair.fake]
        dialogues += [pair.call_id, pair.call_id]

    return Answers(turns, np.array([True, False] * len(pairs)), dialogues)


def count_by_generator(pairs: Sequence[Pair]) -> dict[str, int]:
    """Return the number of pairs of each generator, sorted by its name."""
    return dict(sorted(Counter(pair.generator for pair in pairs).items()))
