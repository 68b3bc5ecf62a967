"""Negatives y-: answers of an untuned instruct model in the contexts of D_sim (appendix B.1).

As in the paper, the model gets the call so far and nothing else: no profile, which quotes the human
customer, and no guidance.
"""

import asyncio
import random
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict
from tqdm import tqdm

from gsim_env.corpus.d_sim import DSimRow, TurnKey, read_rows, turn_key
from gsim_env.models import ChatMessage, CompletionRequest, LanguageModel, SamplingParams
from gsim_env.models.registry import build_language_model
from gsim_env.simulation.prompts import spoken
from gsim_env.util.aio import block_on
from gsim_env.util.files import JsonlStore

__all__ = [
    "NegativeAnswer",
    "drop_unfinished_sentence",
    "generate_negative_answers",
    "read_negative_answers",
    "sample_d_sim_dialogues",
]

TASK: ChatMessage = {
    "role": "system",
    "content": "You play the customer in the conversation below. Answer as the customer would: say "
    "the customer's next words and nothing else.",
}

TOP_P = 0.95
MAX_TOKENS = 64

TRUNCATED_WORDS = 36
"""An answer this long that ends within a sentence was truncated at ``MAX_TOKENS``."""

SENTENCE_END = re.compile(r"[.?!][\"')]*(?=\s)")

BATCH_DIALOGUES = 16
"""Dialogues answered in parallel.

Their contexts grow turn by turn, so a backend can reuse its prompt cache.
"""


class NegativeAnswer(BaseModel):
    """A negative example y-: a model's answer in the context of a human turn of D_sim.

    One line of the negatives file.

    Attributes:
        call_id: The row's dialogue.
        turn: The row's customer turn.
        generator: Name of the model in reports.
        temperature: The sampling temperature.
        text: The answer.
    """

    model_config = ConfigDict(frozen=True)

    call_id: str
    turn: int
    generator: str
    temperature: float
    text: str

    @property
    def key(self) -> TurnKey:
        """The D_sim key of the answered turn: call id and number of the customer turn."""
        return self.call_id, self.turn


def generate_negative_answers(
    dialogues: Sequence[Sequence[DSimRow]],
    file: Path,
    generators: Mapping[str, Mapping[str, Any]],
    temperatures: Sequence[float],
) -> None:
    """Generate the negatives: every model answers every D_sim row; append them to a JSONL file.

    Answers that are in the file are not generated again. So an interrupted run resumes with the
    same arguments, and dialogues or generators can be added.

    Args:
        dialogues: Rows of D_sim, by dialogue (:func:`sample_d_sim_dialogues`).
        file: Gets one :class:`NegativeAnswer` per line.
        generators: Settings of a model backend, by the generator's name in reports.
        temperatures: Dialogue i of n is sampled at temperature i mod n.

    Raises:
        ConfigurationError: if the settings of a generator are wrong.
        CorpusError: if a line of the file is malformed.
        SimulatorError: if a generator fails. Earlier answers are kept.
    """
    store = JsonlStore(file, NegativeAnswer)
    done = {(negative.generator, negative.key) for negative in store.read()}

    for name, settings in generators.items():
        missing = [[row for row in rows if (name, turn_key(row)) not in done] for rows in dialogues]
        total = sum(map(len, dialogues))
        total_missing = sum(map(len, missing))
        with tqdm(total=total, initial=total - total_missing, desc=name) as bar:
            if not total_missing:
                continue

            model = build_language_model(settings)
            for index, temperature in enumerate(temperatures):
                for batch in _batch_by_turn(missing[index :: len(temperatures)]):
                    for negative in block_on(_generate_batch(model, name, batch, temperature)):
                        store.append(negative)
                    bar.update(len(batch))


def _batch_by_turn(dialogues: Sequence[Sequence[DSimRow]]) -> Iterator[list[DSimRow]]:
    """Yield batches with one row of each of several dialogues, first turns first."""
    for start in range(0, len(dialogues), BATCH_DIALOGUES):
        for rows in zip_longest(*dialogues[start : start + BATCH_DIALOGUES]):
            yield [row for row in rows if row is not None]


def sample_d_sim_dialogues(d_sim: Path, count: int, seed: int) -> list[list[DSimRow]]:
    """Return the rows of ``count`` random dialogues of D_sim, one list per dialogue.

    With the same ``seed``, a larger ``count`` returns the same dialogues followed by more.
    """
    dialogues: dict[str, list[DSimRow]] = {}
    for row in read_rows(d_sim):
        dialogues.setdefault(row["extra_info"]["call_id"], []).append(row)

    names = sorted(dialogues)
    random.Random(seed).shuffle(names)
    return [dialogues[name] for name in names[:count]]


def read_negative_answers(file: Path) -> Iterator[NegativeAnswer]:
    """Yield the model answers of a negatives file (JSONL) without changing the file.

    A last line without a newline is skipped: another process may still be writing it.

    Raises:
        ValidationError: if a complete line is malformed.
    """
    if not file.is_file():
        return

    # Split at \n alone: JSON strings may hold other line separators, such as U+2028.
    *complete_lines, _ = file.read_bytes().split(b"\n")
    yield from map(NegativeAnswer.model_validate_json, complete_lines)


async def _generate_batch(
    model: LanguageModel, generator: str, rows: Sequence[DSimRow], temperature: float
) -> list[NegativeAnswer]:
    """Return a model's answer to each row of D_sim as a negative, each one line of text."""
    sampling = SamplingParams(temperature=temperature, top_p=TOP_P, max_tokens=MAX_TOKENS)
    requests = []
    for row in rows:
        messages = [TASK, *row["extra_info"]["context"]]
        seed = zlib.crc32(f"{turn_key(row)}{temperature}".encode())
        requests.append(CompletionRequest("customer", messages, sampling, seed))

    completions = await asyncio.gather(*map(model.acomplete, requests))

    negatives = []
    for row, completion in zip(rows, completions, strict=True):
        call_id, turn = turn_key(row)
        negative = NegativeAnswer(
            call_id=call_id,
            turn=turn,
            generator=generator,
            temperature=temperature,
            text=drop_unfinished_sentence(spoken(completion.text)),
        )
        negatives.append(negative)
    return negatives


def drop_unfinished_sentence(text: str) -> str:
    """Return a model answer without the last sentence if the token limit cut it.

    An unfinished sentence would give a truncated model answer away. A text without any sentence end
    is returned unchanged.
    """
    is_complete = text.rstrip("\"')").endswith((".", "?", "!"))
    if len(text.split()) < TRUNCATED_WORDS or is_complete:
        return text

    ends = [match.end() for match in SENTENCE_END.finditer(text)]
    return text[: ends[-1]] if ends else text
