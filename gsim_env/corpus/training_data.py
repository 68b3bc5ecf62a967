"""Stream I (section 3.1).

D_gen = {(I_gen, p)} (eq. 5) and D_sim = {(p + h + guidance, u_cust)} (eq. 6) as verl reads them.

A row serves supervised fine-tuning by ``messages`` and reinforcement learning by ``prompt`` and
``reward_model.ground_truth``. In D_sim the last message of a prompt is the guidance; without it,
the row is eq. 6 plain. ``extra_info["context"]`` is what was said before: all that a reward sees
besides the answer (``gsim_env.rewards.turns``).
"""

import zlib
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from gsim_env.groups import Group
from gsim_env.models import Message
from gsim_env.profiles import CustomerProfile, ProfileConstraints
from gsim_env.simulation.llm_profiles import instruction
from gsim_env.simulation.replay import ReplayedCall
from gsim_env.util.extras import require

__all__ = ["gen_rows", "sim_rows", "write_parquet"]

Row = dict[str, Any]
ROWS = 1000
"""Rows held in memory as a file is written."""


def gen_rows(
    group: Group, profiles: Iterable[tuple[str, CustomerProfile]], split: str
) -> Iterator[Row]:
    """Yield the rows of D_gen for profiles with the ids of their calls, each under constraints that it meets."""
    for index, (call_id, profile) in enumerate(profiles):
        rng = np.random.default_rng(zlib.crc32(call_id.encode()))
        prompt: list[Message] = [
            {"role": "user", "content": instruction(group, _constraints_met(profile, rng))}
        ]
        answer = profile.model_dump_json()
        yield _row(group, prompt, answer, {"split": split, "index": index, "call_id": call_id})


def sim_rows(group: Group, calls: Iterable[ReplayedCall], split: str) -> Iterator[Row]:
    """Yield the rows of D_sim: every turn of every customer, as the simulator prompts for it."""
    index = 0
    for call in calls:
        for turn, (prompt, answer) in enumerate(call.examples()):
            about = {"split": split, "index": index, "call_id": call.call_id, "turn": turn}
            yield _row(group, prompt, answer, {**about, "context": prompt[1:-1]})
            index += 1


def write_parquet(file: Path, rows: Iterable[Row]) -> int:
    """Write rows to a parquet file, all of it or none, a thousand at a time; return how many."""
    pyarrow, parquet = require("pyarrow", "corpus"), require("pyarrow.parquet", "corpus")
    partial, writer, count = file.with_suffix(".partial"), None, 0
    rows = iter(rows)
    while batch := list(islice(rows, ROWS)):
        table = pyarrow.Table.from_pylist(batch)
        writer = writer or parquet.ParquetWriter(partial, table.schema)
        writer.write_table(table)
        count += len(batch)
    if writer is not None:
        writer.close()
        partial.replace(file)
    return count


def _row(group: Group, prompt: list[Message], answer: str, extra_info: dict[str, Any]) -> Row:
    return {
        "data_source": f"gsim/{group.config.name}",
        "prompt": prompt,
        "messages": [*prompt, {"role": "assistant", "content": answer}],
        "reward_model": {"style": "rule", "ground_truth": answer},
        "extra_info": extra_info,
    }


def _constraints_met(profile: CustomerProfile, rng: np.random.Generator) -> ProfileConstraints:
    """Draw constraints that ``profile`` meets: each kind of them in about half of the rows."""
    archetype = profile.archetype if rng.random() < 0.75 else None
    concerns = tuple(concern for concern in profile.concerns if rng.random() < 0.5)
    words = [word for word in profile.description.split() if len(word) > 4 and word.isalpha()]
    must = (words[int(rng.integers(len(words)))],) if words and rng.random() < 0.5 else ()
    return ProfileConstraints(archetype=archetype, concerns=concerns, must_contain=must)
