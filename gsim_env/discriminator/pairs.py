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
    read_negative_answers,
)
from gsim_env.errors import CorpusError
from gsim_env.rewards.turns import Turn, find_answer_fault
from gsim_env.util.splits import is_held_out
from gsim_env.util.text import count_words

__all__ = [
    "AnswerPair",
    "Floats",
    "LabeledAnswers",
    "count_pairs_by_generator",
    "is_dialogue_held_out",
    "labeled_answers_of_pairs",
    "length_matched_pairs",
    "load_answer_pairs",
    "read_human_answers",
    "split_pairs_by_dialogue",
]

Floats = NDArray[np.float64]

LENGTH_TOLERANCE = 0.2
"""Answers match in length if they differ by this share of the human's words, or by one word."""


@dataclass(frozen=True)
class AnswerPair:
    """A training pair (c, y+, y-): a human and a model answer in the same context.

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


class LabeledAnswers(NamedTuple):
    """Customer answers in their contexts, labeled as a human's or a model's.

    Attributes:
        turns: Answers in their contexts.
        real: True for a human's answer, shape (turns,).
        dialogues: The dialogue of each answer; training splits keep dialogues together.
    """

    turns: list[Turn]
    real: NDArray[np.bool_]
    dialogues: list[str]

    def concatenate(self, others: "LabeledAnswers") -> "LabeledAnswers":
        """Return these labeled answers followed by ``others``."""
        return LabeledAnswers(
            [*self.turns, *others.turns],
            np.concatenate([self.real, others.real]),
            [*self.dialogues, *others.dialogues],
        )


def load_answer_pairs(d_sim: Path, negatives: Path) -> list[AnswerPair]:
    """Return a pair of human and model answer for each model answer of a negatives file.

    Pairs in which an answer is a fault (:func:`~gsim_env.rewards.turns.find_answer_fault`) are left
    out.

    Raises:
        CorpusError: if a negative belongs to no row of D_sim, or no pair is left.
    """
    rows = {turn_key(row): row for row in read_rows(d_sim)}

    pairs = []
    for negative in read_negative_answers(negatives):
        row = rows.get(negative.key)
        if row is None:
            raise CorpusError(
                f"{negatives}: turn {negative.turn} of {negative.call_id!r} is not in {d_sim}. "
                "Give the D_sim that the negatives were generated for, or another negatives file."
            )

        context = row["extra_info"]["context"]
        real = Turn(context, row["reward_model"]["ground_truth"])
        fake = Turn(context, negative.text)
        if find_answer_fault(fake) is None and find_answer_fault(real) is None:
            pair = AnswerPair(*negative.key, negative.generator, negative.temperature, real, fake)
            pairs.append(pair)

    if not pairs:
        raise CorpusError(
            f"{negatives} holds no answer to any row of {d_sim}. Configure a generator."
        )
    return pairs


def is_dialogue_held_out(call_id: str, share: float, purpose: str = "test") -> bool:
    """Return whether a dialogue is held out from training, by a hash of its id and the purpose."""
    return is_held_out(f"{purpose} {call_id}", share)


def split_pairs_by_dialogue(
    pairs: Sequence[AnswerPair], share: float, purpose: str = "test"
) -> tuple[list[AnswerPair], list[AnswerPair]]:
    """Return the answer pairs of training dialogues and those of held-out dialogues."""
    training: list[AnswerPair] = []
    held_out: list[AnswerPair] = []
    for pair in pairs:
        part = held_out if is_dialogue_held_out(pair.call_id, share, purpose) else training
        part.append(pair)
    return training, held_out


def read_human_answers(d_sim: Path, include: Callable[[str], bool]) -> LabeledAnswers:
    """Return every human answer of the included dialogues of D_sim, labeled as real."""
    turns: list[Turn] = []
    dialogues: list[str] = []
    for row in read_rows(d_sim):
        call_id = row["extra_info"]["call_id"]
        if include(call_id):
            turns.append(Turn(row["extra_info"]["context"], row["reward_model"]["ground_truth"]))
            dialogues.append(call_id)

    return LabeledAnswers(turns, np.ones(len(turns), dtype=bool), dialogues)


def length_matched_pairs(pairs: Sequence[AnswerPair], language: str = "en") -> Iterator[AnswerPair]:
    """Yield the pairs with a human and a model answer of similar length, cutting model answers.

    A model answer is cut after the sentence that brings it closest to the human's length. Models
    write long answers: without cutting, almost no pair would match, and a discriminator could do
    well by length alone.
    """
    for pair in pairs:
        human_length = count_words(pair.real.answer, language)

        candidates = _sentence_prefixes(pair.fake.answer)
        gaps = [abs(count_words(text, language) - human_length) for text in candidates]
        gap = min(gaps)
        closest = candidates[gaps.index(gap)]

        if gap <= max(1, LENGTH_TOLERANCE * human_length):
            yield replace(pair, fake=pair.fake._replace(answer=closest))


def _sentence_prefixes(text: str) -> list[str]:
    """Return the text up to the end of each of its sentences, and the whole text."""
    return [text[: match.end()] for match in SENTENCE_END.finditer(text)] + [text]


def labeled_answers_of_pairs(pairs: Sequence[AnswerPair]) -> LabeledAnswers:
    """Return both answers of each pair with human-or-model labels, the human's first."""
    turns: list[Turn] = []
    dialogues: list[str] = []
    for pair in pairs:
        turns += [pair.real, pair.fake]
        dialogues += [pair.call_id, pair.call_id]

    return LabeledAnswers(turns, np.array([True, False] * len(pairs)), dialogues)


def count_pairs_by_generator(pairs: Sequence[AnswerPair]) -> dict[str, int]:
    """Return the number of answer pairs of each model that generated negatives, sorted by name."""
    return dict(sorted(Counter(pair.generator for pair in pairs).items()))
