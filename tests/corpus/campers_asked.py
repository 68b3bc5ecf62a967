"""CaSiNo: a camper's order of needs by a language model, which must quote the camper."""

import asyncio
import sys
import time
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from gsim_env.corpus.evidence import Evidence
from gsim_env.corpus.llm_requests import ask_json
from gsim_env.errors import SimulatorError
from gsim_env.models import LanguageModel, Sampling
from tests.corpus.campers import ITEMS, SEED, Camper, Order

TASK = """\
Two campers share out packages of food, water and firewood. Below are the lines of one of them, C. \
In which order does C need
the three, most needed first? First give evidence for the most and for the least needed: up to \
eight words copied exactly from
a line of C. Answer in JSON."""
QUOTE = 60
Quote = Annotated[str, Field(max_length=QUOTE)]
Orders = Literal[
    "Food, Water, Firewood",
    "Food, Firewood, Water",
    "Water, Food, Firewood",
    "Water, Firewood, Food",
    "Firewood, Food, Water",
    "Firewood, Water, Food",
]
"""Whole orders: asked for two items, the 135M model names one of them twice."""


class Preferences(BaseModel):
    """The language model's answer."""

    model_config = ConfigDict(extra="forbid")

    most_evidence: Quote
    least_evidence: Quote
    order: Orders


class Answer(BaseModel):
    """One stored answer, so that an interrupted run resumes; times are since the run began."""

    id: str
    run: float
    seconds: float
    cpu: float
    found: Preferences | None


def by_model(
    campers: Sequence[Camper], model: LanguageModel, minutes: float, kept: Path
) -> list[Answer]:
    """Ask a model about the campers in order, for some minutes in all.

    The model sees the lines that name an item, as the probe does.

    Returns:
        The answers about the first campers, as many as there was time for.
    """
    have = (
        [Answer.model_validate_json(line) for line in kept.read_text().splitlines()]
        if kept.is_file()
        else []
    )
    run, start, cpu = time.time(), time.monotonic(), time.process_time()
    end, slots = start + 60 * minutes - spent(have)[0], asyncio.Semaphore(4)
    schema, sampling = (
        Preferences.model_json_schema(),
        Sampling(temperature=0.2, top_p=0.9, max_tokens=128),
    )

    async def one(camper: Camper) -> None:
        messages = [
            {"role": "system", "content": TASK},
            {"role": "user", "content": "\n".join(f"C: {text}" for text in camper.lines)},
        ]
        async with slots:
            if time.monotonic() > end:
                return
            try:
                found = await ask_json(
                    model,
                    messages,
                    Preferences,
                    schema,
                    subject=camper.id,
                    seed=SEED,
                    sampling=sampling,
                )
            except SimulatorError as error:
                found = None
                print(error, file=sys.stderr)
            have.append(
                Answer(
                    id=camper.id,
                    run=run,
                    seconds=time.monotonic() - start,
                    cpu=time.process_time() - cpu,
                    found=found,
                )
            )
            with kept.open("a") as file:
                file.write(have[-1].model_dump_json() + "\n")

    async def everybody(missing: list[Camper]) -> None:
        await asyncio.gather(*(one(camper) for camper in missing))

    known = {answer.id for answer in have}
    asyncio.run(everybody([camper for camper in campers if camper.id not in known]))
    by_id = {answer.id: answer for answer in have}
    return [by_id[camper.id] for camper in takewhile(lambda camper: camper.id in by_id, campers)]


def spent(answers: Sequence[Answer]) -> tuple[float, float]:
    """Return the wall-clock and CPU seconds of all runs."""
    runs = {answer.run for answer in answers}
    return (
        sum(max(answer.seconds for answer in answers if answer.run == run) for run in runs),
        sum(max(answer.cpu for answer in answers if answer.run == run) for run in runs),
    )


def answered(found: Preferences | None, usual: Order) -> Order:
    """Return the answered order, or ``usual`` without an answer."""
    return usual if found is None else tuple(found.order.split(", "))


def proven(camper: Camper, found: Preferences | None, usual: Order, evidence: Evidence) -> Order:
    """Return an answer with its first and last item dropped where they lack evidence.

    ``usual`` fills the gaps.
    """
    if found is None:
        return usual
    order = answered(found, usual)
    high = order[0] if evidence.holds(whole(found.most_evidence), camper.said) else None
    low = order[-1] if evidence.holds(whole(found.least_evidence), camper.said) else None
    return tuple(sorted(ITEMS, key=lambda item: (item == low, item != high, usual.index(item))))


def whole(quote: str) -> str:
    """Return a quotation without a last word that the schema's limit may have cut."""
    return quote.rpartition(" ")[0] if len(quote) == QUOTE else quote
