"""Asking a language model which items a CaSiNo camper needs most, with quotations as evidence.

Answers without a valid quotation are dropped.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from benchmarks.campers import ITEMS, SEED, Camper, Order
from gsim_env.corpus.evidence import Evidence
from gsim_env.errors import SimulatorError
from gsim_env.models import CompletionRequest, LanguageModel, SamplingParams
from gsim_env.models.json_answers import request_json_answer_async

TASK = """\
Two campers share out packages of food, water and firewood. Below are the lines of one of them, C. \
In which order does C need
the three, most needed first? First give evidence for the most and for the least needed: up to \
eight words copied exactly from
a line of C. Answer in JSON."""
SAMPLING = SamplingParams(temperature=0.2, top_p=0.9, max_tokens=128)
CONCURRENCY = 4
MAX_QUOTE_CHARS = 60

Quote = Annotated[str, Field(max_length=MAX_QUOTE_CHARS)]
Orders = Literal[
    "Food, Water, Firewood",
    "Food, Firewood, Water",
    "Water, Food, Firewood",
    "Water, Firewood, Food",
    "Firewood, Food, Water",
    "Firewood, Water, Food",
]
"""Complete orders.

When asked for the most and the least needed item separately, the 135M model names one item twice.
"""


class Preferences(BaseModel):
    """The language model's answer."""

    model_config = ConfigDict(extra="forbid")

    most_evidence: Quote
    least_evidence: Quote
    order: Orders


SCHEMA = Preferences.model_json_schema()


class Answer(BaseModel):
    """A stored answer, so that an interrupted run resumes.

    Attributes:
        id: The camper's dialogue.
        run: When the run began, as a Unix time.
        seconds: Wall time since the run began.
        cpu: CPU seconds since the run began.
        found: The answer; ``None`` if no answer fits the schema.
    """

    id: str
    run: float
    seconds: float
    cpu: float
    found: Preferences | None


def by_model(
    campers: Sequence[Camper], model: LanguageModel, minutes: float, store: Path
) -> list[Answer]:
    """Ask ``model`` about the campers in order, for a total time.

    The model sees the lines that name an item, as the probe does.

    Returns:
        The answers for the first campers, as many as the time allowed.
    """
    answers = read_answers(store)
    run, start, cpu = time.time(), time.monotonic(), time.process_time()
    deadline = start + 60 * minutes - spent(answers)[0]
    slots = asyncio.Semaphore(CONCURRENCY)

    async def ask_about(camper: Camper) -> None:
        async with slots:
            if time.monotonic() > deadline:
                return
            preferences = await ask(model, camper)
            answer = Answer(
                id=camper.id,
                run=run,
                seconds=time.monotonic() - start,
                cpu=time.process_time() - cpu,
                found=preferences,
            )
            answers.append(answer)
            with store.open("a", encoding="utf-8") as file:
                file.write(answer.model_dump_json() + "\n")

    async def ask_all(missing: Sequence[Camper]) -> None:
        async with asyncio.TaskGroup() as tasks:
            for camper in missing:
                tasks.create_task(ask_about(camper))

    known = {answer.id for answer in answers}
    asyncio.run(ask_all([camper for camper in campers if camper.id not in known]))

    by_id = {answer.id: answer for answer in answers}
    return [by_id[camper.id] for camper in takewhile(lambda camper: camper.id in by_id, campers)]


async def ask(model: LanguageModel, camper: Camper) -> Preferences | None:
    """Return the model's answer about a camper, or ``None`` if it never fits the schema."""
    messages = [
        {"role": "system", "content": TASK},
        {"role": "user", "content": "\n".join(f"C: {text}" for text in camper.lines)},
    ]

    def request(attempt: int) -> CompletionRequest:
        return CompletionRequest("manager", messages, SAMPLING, (SEED + attempt) % 2**31, SCHEMA)

    try:
        return await request_json_answer_async(
            model, request, Preferences.model_validate_json, subject=camper.id
        )
    except SimulatorError as error:
        print(error, file=sys.stderr)
        return None


def read_answers(store: Path) -> list[Answer]:
    """Return the answers of earlier runs."""
    if not store.is_file():
        return []
    lines = store.read_text(encoding="utf-8").splitlines()
    return [Answer.model_validate_json(line) for line in lines]


def spent(answers: Sequence[Answer]) -> tuple[float, float]:
    """Return the wall and CPU seconds of all runs together."""
    wall, cpu = 0.0, 0.0
    for run in {answer.run for answer in answers}:
        of_run = [answer for answer in answers if answer.run == run]
        wall += max(answer.seconds for answer in of_run)
        cpu += max(answer.cpu for answer in of_run)
    return wall, cpu


def answered(preferences: Preferences | None, fallback: Order) -> Order:
    """Return the order of an answer, or ``fallback`` without one."""
    return fallback if preferences is None else tuple(preferences.order.split(", "))


def proven(
    camper: Camper, preferences: Preferences | None, fallback: Order, evidence: Evidence
) -> Order:
    """Return the order of an answer without the claims that its quotations do not prove.

    ``fallback`` orders the items that are left.
    """
    if preferences is None:
        return fallback

    order = answered(preferences, fallback)
    utterances = camper.utterances
    most = evidence.holds(without_cut_word(preferences.most_evidence), utterances)
    least = evidence.holds(without_cut_word(preferences.least_evidence), utterances)
    high = order[0] if most else None
    low = order[-1] if least else None
    return tuple(sorted(ITEMS, key=lambda item: (item == low, item != high, fallback.index(item))))


def without_cut_word(quote: str) -> str:
    """Return a quotation without its last word, if the schema's limit may have cut it."""
    return quote.rpartition(" ")[0] if len(quote) == MAX_QUOTE_CHARS else quote
