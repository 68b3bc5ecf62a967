"""y-.

What an untuned instruct model says in the customer's place, on the contexts of D_sim (appendix
B.1).

The model hears what was said and is asked to go on, as in the paper: neither a profile, which
quotes the human, nor guidance.
"""

import asyncio
import json
import random
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from tqdm import tqdm

from gsim_env.corpus.d_sim import DSimRow, read_rows, turn_key
from gsim_env.models import Complete, LanguageModel, Message, Sampling
from gsim_env.models.registry import build_model
from gsim_env.simulation.prompts import spoken
from gsim_env.util.aio import block_on

__all__ = ["Row", "drawn", "generate", "key_of", "mend", "read"]

Row = dict[str, Any]
Key = tuple[str, int]

TASK: Message = {
    "role": "system",
    "content": "You play the customer in the conversation below. Answer as the customer would: say the customer's next "
    "words and nothing else.",
}
TOP_P, MAX_TOKENS = 0.95, 64
CUT = 36
"""An answer of so many words that ends within a sentence ran into ``MAX_TOKENS``: it is cut after
its last whole sentence, or the cut would give the machine away."""

SENTENCE_END = re.compile(r"[.?!][\"')]*(?=\s)")
AT_ONCE = 16
"""Dialogues that a model answers side by side.

Their contexts grow turn by turn, so what was read stays in its cache.
"""


def generate(
    dialogues: Sequence[Sequence[DSimRow]],
    file: Path,
    generators: Mapping[str, Mapping[str, Any]],
    temperatures: Sequence[float],
) -> None:
    """Have each generator answer every row, at one temperature a dialogue in turn, and append the
    answers to a JSONL file.

    What is in the file is not asked for again, so a run that was cut off goes on, and more
    dialogues or generators can be added.

    Args:
        dialogues: Rows of D_sim, by dialogue (:func:`drawn`).
        file: Gets a line for each answer: ``call_id``, ``turn``, ``generator``, ``temperature``,
            ``text``.
        generators: Settings of a backend by the generator's name in reports.
        temperatures: Dialogue i has the (i mod n)-th.

    Raises:
        ConfigurationError: if the settings of a generator are wrong.
        SimulatorError: if a generator fails. What it had answered is kept.
    """
    mend(file)
    done = {(row["generator"], key_of(row)) for row in read(file)}
    for name, settings in generators.items():
        missing = [[row for row in rows if (name, turn_key(row)) not in done] for rows in dialogues]
        total = sum(map(len, dialogues))
        with file.open("a", encoding="utf-8") as stream, tqdm(total=total, desc=name) as bar:
            bar.update(total - sum(map(len, missing)))
            if not any(missing):
                continue
            model = build_model(settings)
            for index, temperature in enumerate(temperatures):
                for batch in side_by_side(missing[index :: len(temperatures)]):
                    for row, text in zip(
                        batch, block_on(ask(model, batch, temperature)), strict=True
                    ):
                        call_id, turn = turn_key(row)
                        told = {
                            "call_id": call_id,
                            "turn": turn,
                            "generator": name,
                            "temperature": temperature,
                            "text": text,
                        }
                        stream.write(json.dumps(told, ensure_ascii=False) + "\n")
                    stream.flush()
                    bar.update(len(batch))


def side_by_side(dialogues: Sequence[Sequence[DSimRow]]) -> Iterator[list[DSimRow]]:
    """Yield the rows of several dialogues at a time, first turns first."""
    for start in range(0, len(dialogues), AT_ONCE):
        for rows in zip_longest(*dialogues[start : start + AT_ONCE]):
            yield [row for row in rows if row is not None]


def drawn(d_sim: Path, count: int, seed: int) -> list[list[DSimRow]]:
    """Return the rows of ``count`` dialogues of D_sim, drawn by ``seed``.

    More dialogues begin with the same ones.
    """
    found: dict[str, list[DSimRow]] = {}
    for row in read_rows(d_sim):
        found.setdefault(row["extra_info"]["call_id"], []).append(row)
    names = sorted(found)
    random.Random(seed).shuffle(names)
    return [found[name] for name in names[:count]]


def read(file: Path) -> Iterator[Row]:
    """Yield the rows of a JSONL file that are whole.

    The last one may be cut off, by a crash or because it is being written.
    """
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    yield from map(json.loads, text[: text.rfind("\n") + 1].splitlines())


def mend(file: Path) -> None:
    """Drop a last line that a crash cut off, so that the next one begins a line of its own."""
    if file.is_file() and (text := file.read_bytes()) and not text.endswith(b"\n"):
        file.write_bytes(text[: text.rfind(b"\n") + 1])


def key_of(row: Row) -> Key:
    """Return which human turn a row belongs to."""
    return row["call_id"], row["turn"]


async def ask(model: LanguageModel, rows: Sequence[DSimRow], temperature: float) -> list[str]:
    """Return what the model says in each row's context, in one line."""
    sampling = Sampling(temperature=temperature, top_p=TOP_P, max_tokens=MAX_TOKENS)
    requests = [
        Complete(
            "customer",
            [TASK, *row["extra_info"]["context"]],
            sampling,
            zlib.crc32(f"{turn_key(row)}{temperature}".encode()),
        )
        for row in rows
    ]
    return [
        whole(spoken(answer.text))
        for answer in await asyncio.gather(*map(model.acomplete, requests))
    ]


def whole(text: str) -> str:
    """Return an answer without the sentence in which it was cut off.

    One without an end anywhere stays as it is.
    """
    if len(text.split()) < CUT or text.rstrip("\"')").endswith((".", "?", "!")):
        return text
    ends = [found.end() for found in SENTENCE_END.finditer(text)]
    return text[: ends[-1]] if ends else text
