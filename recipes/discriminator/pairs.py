"""The pairs (c, y+, y-) of appendix B.1: what the human said and what a model said in the same place."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gsim_env.errors import CorpusError
from gsim_env.models.extras import require
from recipes.discriminator.negatives import read
from reward_fns.format import length
from reward_fns.turns import Turn, fault_of

__all__ = ["Pair", "counts", "digest", "held_out", "load", "matched"]

NEAR = 0.2
"""Two answers are of one length if they differ by so much of the human's words, or by one word."""


@dataclass(frozen=True)
class Pair:
    """One context with two answers.

    Attributes:
        call_id: Which dialogue.
        turn: Which of its customer turns.
        generator: Which model gave the machine's answer, and at which temperature.
        real: The human's answer, in its context.
        fake: The machine's, in the same.
    """

    call_id: str
    turn: int
    generator: str
    real: Turn
    fake: Turn


def load(d_sim: Path, negatives: Path) -> list[Pair]:
    """Return the pairs of all negatives that are answers at all (:func:`~reward_fns.turns.fault_of`).

    Raises:
        CorpusError: if a negative belongs to no row of D_sim, or none is left.
    """
    rows = {
        (row["extra_info"]["call_id"], row["extra_info"]["turn"]): row
        for row in require("pyarrow.parquet", "corpus").read_table(d_sim).to_pylist()
    }
    pairs = []
    for found in read(negatives):
        row = rows.get((found["call_id"], found["turn"]))
        if row is None:
            raise CorpusError(f"{negatives}: {found['call_id']!r}, turn {found['turn']}, is not in {d_sim}.")
        context = row["extra_info"]["context"]
        real, fake = Turn(context, row["reward_model"]["ground_truth"]), Turn(context, found["text"])
        if fault_of(fake) is None and fault_of(real) is None:
            generator = f"{found['generator']}@{found['temperature']}"
            pairs.append(Pair(found["call_id"], found["turn"], generator, real, fake))
    if not pairs:
        raise CorpusError(f"{negatives} holds no answer to any row of {d_sim}.")
    return pairs


def held_out(pair: Pair, share: float) -> bool:
    """Return whether a pair's dialogue is held out, by a hash of its name: the same ones whatever the negatives."""
    return int.from_bytes(hashlib.sha256(f"pair {pair.call_id}".encode()).digest()[:4]) < share * 2**32


def matched(pairs: Sequence[Pair]) -> Iterator[Pair]:
    """Yield pairs whose answers are of one length; the machine's is cut after a sentence where that makes it so.

    Models run on: without cutting, next to no pair matches, and a discriminator that reads length alone would do well.
    """
    for pair in pairs:
        wanted = length(pair.real.answer)
        best = min(beginnings(pair.fake.answer), key=lambda text: abs(length(text) - wanted))
        if abs(length(best) - wanted) <= max(1, NEAR * wanted):
            yield replace(pair, fake=pair.fake._replace(answer=best))


def beginnings(text: str) -> list[str]:
    """Return what a text begins with, up to the end of each of its sentences."""
    ends = [
        index + 1 for index, letter in enumerate(text) if letter in ".?!" and text[index + 1 : index + 2] in ("", " ")
    ]
    return [text[:end] for end in ends if end < len(text)] + [text]


def digest(file: Path) -> str:
    """Return the SHA-256 of a file, for results."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def counts(pairs: Sequence[Pair]) -> dict[str, int]:
    """Return how many pairs there are of each generator."""
    return dict(sorted(Counter(pair.generator for pair in pairs).items()))
