"""Probes: model answers of known quality (paraphrase, over-polite, off topic) to human turns."""

import asyncio
import random
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from pydantic import BaseModel
from tqdm import tqdm

from gsim_env.corpus.d_sim import DSimRow, read_rows, turn_key
from gsim_env.discriminator.negatives import drop_unfinished_sentence
from gsim_env.models import ChatMessage, CompletionRequest, LanguageModel, SamplingParams
from gsim_env.rewards.turns import Turn
from gsim_env.simulation.prompts import spoken
from gsim_env.util.aio import block_on
from gsim_env.util.files import JsonlStore

__all__ = [
    "KINDS",
    "AnswerKind",
    "GeneratedAnswer",
    "GradedAnswers",
    "count_answers_by_model",
    "generate_graded_answers",
    "sample_d_sim_rows",
]

AnswerKind = Literal["paraphrase", "over_polite", "off_topic"]
KINDS: tuple[AnswerKind, ...] = get_args(AnswerKind)

SAMPLING = SamplingParams(temperature=0.7, top_p=0.95, max_tokens=48)

MIN_WORDS = 4
"""A human turn needs at least this many words to be paraphrased."""

CONTEXT_MESSAGES = 3
"""Messages of the context in the prompt of an over-polite answer."""

BATCH_SIZE = 16

TOPICS = (
    "the football match last night",
    "how to prune roses",
    "a recipe for tomato soup",
    "a noise in the car's engine",
    "the plot of a film about pirates",
    "the rules of chess",
    "the weather in the mountains",
    "learning the violin",
    "the history of bridges",
    "a cat that sleeps all day",
    "repairing a bicycle",
    "the phases of the moon",
    "a holiday on a houseboat",
    "knitting a scarf",
    "how volcanoes erupt",
    "the best way to brew tea",
)

PARAPHRASE_TASK = (
    "Say the message in other words: the same meaning, the same speaker, about as long. "
    "Answer with the new wording and nothing else."
)
OVER_POLITE_TASK = (
    "You play the customer in the conversation below, an exceedingly polite, warm and grateful "
    "one who loves to help. Say the customer's next words and nothing else."
)
OFF_TOPIC_TASK = "You chat with a friend. Answer with one or two sentences and nothing else."


class GradedAnswers(NamedTuple):
    """One context with the human's answer and a model answer of each kind (quality).

    Attributes:
        human: The human's answer, which is its own reference.
        generated: The model's answers, by kind.
    """

    human: Turn
    generated: dict[AnswerKind, Turn]


class GeneratedAnswer(BaseModel):
    """A generated answer of a given kind to a human turn of D_sim: one line of ``probes.jsonl``.

    Attributes:
        call_id: Dialogue of the row.
        turn: Customer turn of the row.
        kind: The kind of answer.
        by: Name of the model.
        text: The answer.
    """

    call_id: str
    turn: int
    kind: AnswerKind
    by: str
    text: str


def sample_d_sim_rows(d_sim: Path, count: int, seed: int) -> list[DSimRow]:
    """Return ``count`` random rows of D_sim with a human answer of at least four words."""
    rows = [
        row
        for row in read_rows(d_sim)
        if len(row["reward_model"]["ground_truth"].split()) >= MIN_WORDS
    ]
    random.Random(seed).shuffle(rows)
    return rows[:count]


def generate_graded_answers(
    rows: Sequence[DSimRow], file: Path, load: Callable[[], LanguageModel], name: str
) -> list[GradedAnswers]:
    """Generate a paraphrase, an over-polite and an off-topic answer to every row of D_sim.

    Answers are appended to a JSONL file; answers in it are not generated again.

    Args:
        rows: Rows of D_sim.
        file: One :class:`GeneratedAnswer` per line.
        load: Returns the model; called if an answer is missing.
        name: The model's name, stored with its answers: a later run may use another model.

    Raises:
        SimulatorError: if the model fails. Earlier answers are kept.
    """
    store = JsonlStore(file, GeneratedAnswer)
    texts = {(answer.call_id, answer.turn, answer.kind): answer.text for answer in store.read()}

    missing: list[tuple[DSimRow, AnswerKind]] = []
    for kind in KINDS:
        missing += [(row, kind) for row in rows if (*turn_key(row), kind) not in texts]

    total = len(rows) * len(KINDS)
    with tqdm(total=total, initial=total - len(missing)) as bar:
        for start in range(0, len(missing), BATCH_SIZE):
            batch = missing[start : start + BATCH_SIZE]
            generated = block_on(_generate_batch(load(), batch))

            for (row, kind), text in zip(batch, generated, strict=True):
                call_id, turn = turn_key(row)
                store.append(
                    GeneratedAnswer(call_id=call_id, turn=turn, kind=kind, by=name, text=text)
                )
                texts[call_id, turn, kind] = text
            bar.update(len(batch))

    return [_graded_answers(row, texts) for row in rows]


def count_answers_by_model(file: Path) -> dict[str, dict[str, int]]:
    """Return the number of generated answers in a probes file, by kind of answer and by model."""
    counters: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    for answer in JsonlStore(file, GeneratedAnswer).read():
        counters[answer.kind][answer.by] += 1
    return {kind: dict(counter) for kind, counter in counters.items()}


def _graded_answers(row: DSimRow, texts: dict[tuple[str, int, AnswerKind], str]) -> GradedAnswers:
    """Return a row of D_sim and its generated answers as turns to score."""
    context, reference = row["extra_info"]["context"], row["reward_model"]["ground_truth"]
    key = turn_key(row)
    return GradedAnswers(
        Turn(context, reference, reference),
        {kind: Turn(context, texts[*key, kind], reference) for kind in KINDS},
    )


async def _generate_batch(
    model: LanguageModel, batch: Sequence[tuple[DSimRow, AnswerKind]]
) -> list[str]:
    """Return the model's answers, each one line of text."""
    requests = [
        CompletionRequest("customer", _prompt(row, kind), SAMPLING, _seed(row, kind))
        for row, kind in batch
    ]
    completions = await asyncio.gather(*map(model.acomplete, requests))
    return [drop_unfinished_sentence(spoken(completion.text)) for completion in completions]


def _prompt(row: DSimRow, kind: AnswerKind) -> list[ChatMessage]:
    """Return the model's messages for an answer of a kind."""
    match kind:
        case "paraphrase":
            human_text = row["reward_model"]["ground_truth"]
            return [
                {"role": "system", "content": PARAPHRASE_TASK},
                {"role": "user", "content": human_text},
            ]
        case "over_polite":
            context = row["extra_info"]["context"][-CONTEXT_MESSAGES:]
            return [{"role": "system", "content": OVER_POLITE_TASK}, *context]
        case "off_topic":
            topic = TOPICS[_seed(row, kind) % len(TOPICS)]
            return [
                {"role": "system", "content": OFF_TOPIC_TASK},
                {"role": "user", "content": f"Tell me something about {topic}."},
            ]


def _seed(row: DSimRow, kind: AnswerKind) -> int:
    """Return the seed of an answer."""
    return zlib.crc32(f"{turn_key(row)}{kind}".encode())
