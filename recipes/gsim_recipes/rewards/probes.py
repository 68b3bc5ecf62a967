"""Answers of which it is known how good they are.

A model says the human's turn in other words, too politely, and off topic.
"""

import asyncio
import json
import random
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from tqdm import tqdm

from gsim_env.corpus.d_sim import DSimRow, read_rows, turn_key
from gsim_env.discriminator.negatives import key_of, mend, read, whole
from gsim_env.models import Complete, LanguageModel, Message, Sampling
from gsim_env.rewards.turns import Turn
from gsim_env.simulation.prompts import spoken
from gsim_env.util.aio import block_on

__all__ = ["Kind", "Probe", "ask", "authors", "drawn"]

Kind = Literal["paraphrase", "over_polite", "off_topic"]
KINDS: tuple[Kind, ...] = get_args(Kind)

SAMPLING = Sampling(temperature=0.7, top_p=0.95, max_tokens=48)
HEARD = 3
"""Messages of the context that the over-polite customer is told."""

AT_ONCE = 16

TOPICS = (
    "the football match last night", "how to prune roses", "a recipe for tomato soup", "a noise in the car's engine",
    "the plot of a film about pirates", "the rules of chess", "the weather in the mountains", "learning the violin",
    "the history of bridges", "a cat that sleeps all day", "repairing a bicycle", "the phases of the moon",
    "a holiday on a houseboat", "knitting a scarf", "how volcanoes erupt", "the best way to brew tea",
)  # fmt: skip


class Probe(NamedTuple):
    """One context with the human's answer and the model's.

    Attributes:
        human: The human's answer, which is its own reference.
        made: The model's, by kind.
    """

    human: Turn
    made: dict[Kind, Turn]


def drawn(d_sim: Path, count: int, seed: int) -> list[DSimRow]:
    """Return ``count`` rows of D_sim drawn by ``seed`` whose human turn has four words at least, which can be reworded."""
    rows = [
        row for row in read_rows(d_sim) if len(row["reward_model"]["ground_truth"].split()) >= 4
    ]
    random.Random(seed).shuffle(rows)
    return rows[:count]


def ask(
    rows: Sequence[DSimRow], file: Path, load: Callable[[], LanguageModel], name: str
) -> list[Probe]:
    """Have a model word every kind for every row, keep its answers in a JSONL file, and return them
    as probes.

    Args:
        rows: Of D_sim.
        file: Appended to; what is in it is not asked for again.
        load: Returns the model, if it is needed.
        name: Of the model; stands with its answers, for another may word what is missing.

    Raises:
        SimulatorError: if the model fails. What it had answered is kept.
    """
    mend(file)
    found = {(*key_of(line), line["kind"]): line["text"] for line in read(file)}
    missing = [(row, kind) for kind in KINDS for row in rows if (*turn_key(row), kind) not in found]
    total = len(rows) * len(KINDS)
    with (
        file.open("a", encoding="utf-8") as stream,
        tqdm(total=total, initial=total - len(missing)) as bar,
    ):
        for start in range(0, len(missing), AT_ONCE):
            batch = missing[start : start + AT_ONCE]
            for (row, kind), text in zip(batch, block_on(answers(load(), batch)), strict=True):
                call_id, turn = turn_key(row)
                line = {"call_id": call_id, "turn": turn, "kind": kind, "by": name, "text": text}
                stream.write(json.dumps(line, ensure_ascii=False) + "\n")
                found[call_id, turn, kind] = text
            stream.flush()
            bar.update(len(batch))
    return [probe(row, found) for row in rows]


def authors(file: Path) -> dict[str, dict[str, int]]:
    """Return how many answers of each kind each model has worded."""
    found = {
        kind: Counter(line["by"] for line in read(file) if line["kind"] == kind) for kind in KINDS
    }
    return {kind: dict(counter) for kind, counter in found.items()}


def probe(row: DSimRow, found: dict[tuple[str, int, Kind], str]) -> Probe:
    """Return a row's answers as turns."""
    context, reference = row["extra_info"]["context"], row["reward_model"]["ground_truth"]
    key = turn_key(row)
    return Probe(
        Turn(context, reference, reference),
        {kind: Turn(context, found[*key, kind], reference) for kind in KINDS},
    )


async def answers(model: LanguageModel, batch: Sequence[tuple[DSimRow, Kind]]) -> list[str]:
    """Return what the model says, in one line each."""
    requests = [
        Complete("customer", prompt(row, kind), SAMPLING, seed_of(row, kind)) for row, kind in batch
    ]
    return [
        whole(spoken(answer.text))
        for answer in await asyncio.gather(*map(model.acomplete, requests))
    ]


def prompt(row: DSimRow, kind: Kind) -> list[Message]:
    """Return what the model is asked."""
    match kind:
        case "paraphrase":
            task = (
                "Say the message in other words: the same meaning, the same speaker, about as long. Answer with the new "
                "wording and nothing else."
            )
            return [
                {"role": "system", "content": task},
                {"role": "user", "content": row["reward_model"]["ground_truth"]},
            ]
        case "over_polite":
            task = (
                "You play the customer in the conversation below, an exceedingly polite, warm and grateful one who loves to "
                "help. Say the customer's next words and nothing else."
            )
            return [{"role": "system", "content": task}, *row["extra_info"]["context"][-HEARD:]]
        case "off_topic":
            topic = TOPICS[seed_of(row, kind) % len(TOPICS)]
            task = "You chat with a friend. Answer with one or two sentences and nothing else."
            return [
                {"role": "system", "content": task},
                {"role": "user", "content": f"Tell me something about {topic}."},
            ]


def seed_of(row: DSimRow, kind: Kind) -> int:
    """Return the seed of an answer."""
    return zlib.crc32(f"{turn_key(row)}{kind}".encode())
