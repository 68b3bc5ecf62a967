"""Training data (stream I): the rows of D_gen (eq. 5) and D_sim (eq. 6), as verl reads them.

A row serves supervised fine-tuning by ``messages``, and reinforcement learning by ``prompt`` and
``reward_model.ground_truth``. The last message of a D_sim prompt is the guidance; without it, the
row is exactly eq. 6. :mod:`gsim_env.corpus.d_sim` describes the fields.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

from gsim_env.corpus.d_sim import DSimExtra, DSimRow, RewardModel
from gsim_env.groups import Group
from gsim_env.models import ChatMessage
from gsim_env.profiles import CustomerProfile, ProfileConstraints
from gsim_env.simulation.llm_profiles import instruction
from gsim_env.simulation.replay import ReplayedCall
from gsim_env.util.extras import import_optional_module
from gsim_env.util.files import atomic_path

__all__ = ["DGenExtra", "DGenRow", "gen_rows", "sim_rows", "write_parquet"]

BATCH = 1000
"""Rows in memory while a file is written."""


class DGenExtra(TypedDict):
    """verl's ``extra_info`` field of a D_gen row: split, row number from 0, id of the call."""

    split: str
    index: int
    call_id: str


class DGenRow(TypedDict):
    """One row of D_gen (eq. 5): an instruction with constraints, and a profile that meets them."""

    data_source: str
    prompt: list[ChatMessage]
    messages: list[ChatMessage]
    reward_model: RewardModel
    extra_info: DGenExtra


def gen_rows(
    group: Group, profiles: Iterable[tuple[str, CustomerProfile]], split: str
) -> Iterator[DGenRow]:
    """Yield a row of D_gen per profile, with constraints that the profile meets.

    Args:
        group: The group of the profiles.
        profiles: The id of the call and the profile of its customer.
        split: ``"train"`` or ``"test"``.
    """
    for index, (call_id, profile) in enumerate(profiles):
        rng = np.random.default_rng(zlib.crc32(call_id.encode()))
        text = instruction(group, _draw_constraints(profile, rng))
        prompt: list[ChatMessage] = [{"role": "user", "content": text}]
        answer = profile.model_dump_json()

        yield {
            "data_source": f"gsim/{group.config.name}",
            "prompt": prompt,
            "messages": [*prompt, {"role": "assistant", "content": answer}],
            "reward_model": {"style": "rule", "ground_truth": answer},
            "extra_info": {"split": split, "index": index, "call_id": call_id},
        }


def sim_rows(group: Group, calls: Iterable[ReplayedCall], split: str) -> Iterator[DSimRow]:
    """Yield a row of D_sim per customer turn, with the prompt that the simulator would send."""
    index = 0
    for call in calls:
        for turn, (prompt, answer) in enumerate(call.examples()):
            extra: DSimExtra = {
                "split": split,
                "index": index,
                "call_id": call.call_id,
                "turn": turn,
                "context": prompt[1:-1],
            }

            yield {
                "data_source": f"gsim/{group.config.name}",
                "prompt": prompt,
                "messages": [*prompt, {"role": "assistant", "content": answer}],
                "reward_model": {"style": "rule", "ground_truth": answer},
                "extra_info": extra,
            }
            index += 1


def write_parquet(file: Path, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write rows to a parquet file atomically and return their number; no rows, no file."""
    pyarrow = import_optional_module("pyarrow", "corpus")
    parquet = import_optional_module("pyarrow.parquet", "corpus")
    remaining = iter(rows)
    batch = list(islice(remaining, BATCH))
    if not batch:
        return 0

    count = 0
    schema = pyarrow.Table.from_pylist(batch).schema
    with atomic_path(file) as partial, parquet.ParquetWriter(partial, schema) as writer:
        while batch:
            writer.write_table(pyarrow.Table.from_pylist(batch, schema))
            count += len(batch)
            batch = list(islice(remaining, BATCH))
    return count


def _draw_constraints(profile: CustomerProfile, rng: np.random.Generator) -> ProfileConstraints:
    """Draw constraints that ``profile`` meets: the archetype in 3 of 4 rows, each other in half."""
    archetype = profile.archetype if rng.random() < 0.75 else None
    concerns = tuple(concern for concern in profile.concerns if rng.random() < 0.5)

    words = [word for word in profile.description.split() if len(word) > 4 and word.isalpha()]
    required = (words[int(rng.integers(len(words)))],) if words and rng.random() < 0.5 else ()
    return ProfileConstraints(archetype=archetype, concerns=concerns, must_contain=required)
