"""y-: what an untuned instruct model says in the customer's place, on the contexts of D_sim (appendix B.1).

    python -m recipes.discriminator.negatives --d-sim my_group/d_sim/train.parquet --out negatives.jsonl \
        --model '{"backend": "embedded", "context": 2048}' --name smollm2-135m --temperature 0.8 --rows 1000

The model hears what was said and is asked to go on, as in the paper: neither a profile, which quotes the human, nor guidance.
Run it once for each model and temperature with the same --out: the same --seed gives all of them the same contexts. What is in
the file is not asked for again, so the same command goes on after a crash.
"""

import argparse
import asyncio
import json
import random
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from gsim_env.models import Complete, LanguageModel, Message, Sampling
from gsim_env.models.extras import require
from gsim_env.models.registry import build_model
from gsim_env.simulation.drivers import block_on
from gsim_env.simulation.prompts import spoken

Row = dict[str, Any]

TASK: Message = {
    "role": "system",
    "content": "You play the customer in the conversation below. Answer as the customer would: say the customer's next "
    "words and nothing else.",
}
TOP_P, MAX_TOKENS = 0.95, 96


def main() -> None:
    """Parse the command line and ask."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--d-sim", type=Path, required=True, help="parquet file that gsim group build wrote")
    parser.add_argument("--out", type=Path, required=True, help="JSONL file, appended to")
    parser.add_argument("--model", type=json.loads, required=True, help="settings of a back end, as JSON")
    parser.add_argument("--name", required=True, help="what the generator is called in reports")
    parser.add_argument("--temperature", type=float, default=0.8)
    parser.add_argument("--rows", type=int, default=1000, help="contexts to ask about, drawn by --seed")
    parser.add_argument("--parallel", type=int, default=16, help="requests at a time")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rows = drawn(args.d_sim, args.rows, args.seed)
    mend(args.out)
    done = {
        key_of(row) for row in read(args.out) if (row["generator"], row["temperature"]) == (args.name, args.temperature)
    }
    missing = [row for row in rows if key_of(row["extra_info"]) not in done]
    model = build_model(args.model)
    with args.out.open("a", encoding="utf-8") as stream, tqdm(total=len(rows), initial=len(rows) - len(missing)) as bar:
        for start in range(0, len(missing), args.parallel):
            batch = missing[start : start + args.parallel]
            for row, text in zip(batch, block_on(ask(model, batch, args.temperature)), strict=True):
                about = {name: row["extra_info"][name] for name in ("call_id", "turn")}
                told = {**about, "generator": args.name, "temperature": args.temperature, "text": text}
                stream.write(json.dumps(told, ensure_ascii=False) + "\n")
            stream.flush()
            bar.update(len(batch))


def drawn(d_sim: Path, count: int, seed: int) -> list[Row]:
    """Return ``count`` rows of D_sim in an order drawn by ``seed``; more rows begin with the same ones."""
    rows: list[Row] = require("pyarrow.parquet", "corpus").read_table(d_sim).to_pylist()
    random.Random(seed).shuffle(rows)
    return rows[:count]


def read(file: Path) -> Iterator[Row]:
    """Yield the rows of a JSONL file that are whole: the last one may be cut off, by a crash or because it is being written."""
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    yield from map(json.loads, text[: text.rfind("\n") + 1].splitlines())


def mend(file: Path) -> None:
    """Drop a last line that a crash cut off, so that the next one begins a line of its own."""
    if file.is_file() and (text := file.read_bytes()) and not text.endswith(b"\n"):
        file.write_bytes(text[: text.rfind(b"\n") + 1])


def key_of(row: Row) -> tuple[str, int]:
    """Return which human turn a row belongs to."""
    return row["call_id"], row["turn"]


async def ask(model: LanguageModel, rows: list[Row], temperature: float) -> list[str]:
    """Return what the model says in each row's context, in one line."""
    sampling = Sampling(temperature=temperature, top_p=TOP_P, max_tokens=MAX_TOKENS)
    requests = [
        Complete(
            "customer",
            [TASK, *row["extra_info"]["context"]],
            sampling,
            zlib.crc32(f"{key_of(row['extra_info'])}{temperature}".encode()),
        )
        for row in rows
    ]
    return [spoken(answer.text) for answer in await asyncio.gather(*map(model.acomplete, requests))]


if __name__ == "__main__":
    main()
