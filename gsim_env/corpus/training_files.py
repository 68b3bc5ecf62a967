"""The training files of a group.

``d_gen/`` and ``d_sim/``, each ``train.parquet`` and ``test.parquet``.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gsim_env.corpus.training_data import gen_rows, sim_rows, write_parquet
from gsim_env.groups import Group
from gsim_env.groups.bundle import read_calls
from gsim_env.models import Encoder
from gsim_env.profiles import RecordedCall
from gsim_env.simulation.replay import replay
from gsim_env.sop.index import index_calls
from gsim_env.sop.library import MemoryLibrary, SopLibrary

__all__ = ["write_training_files"]


def write_training_files(group: Group, encoder: Encoder, out: Path) -> dict[str, int]:
    """Write D_gen and D_sim of a group.

    ``train`` is of its corpus, ``test`` of ``held_out.jsonl``, where there is one.

    K_p of a held-out call comes from the corpus, as it would live.

    Returns:
        Rows by file. A file without rows is not written.

    Raises:
        CorpusError: if ``held_out.jsonl`` is malformed.
        SimulatorError: if the encoder fails.
    """
    held = group.path / "held_out.jsonl"
    splits = {"train": group.calls, "test": read_calls(held) if held.is_file() else ()}
    library = MemoryLibrary(index_calls(group.calls, encoder))
    sizes = {}
    for split, calls in splits.items():
        rows = {
            "d_gen": gen_rows(group, ((call.id, call.profile) for call in calls), split),
            "d_sim": simulated(group, calls, library, encoder, split),
        }
        for name, made in rows.items():
            file = out / name / f"{split}.parquet"
            file.parent.mkdir(parents=True, exist_ok=True)
            sizes[f"{name}/{file.name}"] = write_parquet(file, made)
    return sizes


def simulated(
    group: Group, calls: Sequence[RecordedCall], library: SopLibrary, encoder: Encoder, split: str
) -> Iterator[dict[str, Any]]:
    """Yield the rows of D_sim for some calls, with K_p from the library."""
    if calls:
        replayed = replay(group, index_calls(calls, encoder), library, np.random.default_rng(0))
        yield from sim_rows(group, replayed, split)
