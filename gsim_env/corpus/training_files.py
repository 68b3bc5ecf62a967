"""Training files of a group: ``d_gen/`` and ``d_sim/``, each with a train and a test split."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from gsim_env.corpus.d_sim import DSimRow
from gsim_env.corpus.training_data import gen_rows, sim_rows, write_parquet
from gsim_env.groups import Group
from gsim_env.groups.bundle import read_recorded_calls
from gsim_env.models import Encoder
from gsim_env.profiles import RecordedCall
from gsim_env.simulation.replay import replay
from gsim_env.sop.index import index_calls
from gsim_env.sop.library import MemoryLibrary, SopLibrary

__all__ = ["write_training_files"]


def write_training_files(group: Group, encoder: Encoder, out: Path) -> dict[str, int]:
    """Write D_gen and D_sim of a group as parquet files.

    ``train`` comes from the group's corpus, ``test`` from ``held_out.jsonl`` if it exists. K_p of a
    held-out call is retrieved from the corpus, as in a simulated call.

    Returns:
        The number of rows by file. A file without rows is not written.

    Raises:
        CorpusError: if ``held_out.jsonl`` is malformed.
        SimulatorError: if the encoder fails.
    """
    held_out = group.path / "held_out.jsonl"
    splits = {
        "train": group.calls,
        "test": read_recorded_calls(held_out) if held_out.is_file() else (),
    }
    library = MemoryLibrary(index_calls(group.calls, encoder))
    for name in ("d_gen", "d_sim"):
        (out / name).mkdir(parents=True, exist_ok=True)

    sizes = {}
    for split, calls in splits.items():
        profiles = ((call.id, call.profile) for call in calls)
        d_gen = gen_rows(group, profiles, split)
        d_sim = simulated_rows(group, calls, library, encoder, split)

        sizes[f"d_gen/{split}.parquet"] = write_parquet(out / f"d_gen/{split}.parquet", d_gen)
        sizes[f"d_sim/{split}.parquet"] = write_parquet(out / f"d_sim/{split}.parquet", d_sim)
    return sizes


def simulated_rows(
    group: Group, calls: Sequence[RecordedCall], library: SopLibrary, encoder: Encoder, split: str
) -> Iterator[DSimRow]:
    """Yield the rows of D_sim for calls, with K_p retrieved from the library."""
    if calls:
        replayed = replay(group, index_calls(calls, encoder), library, np.random.default_rng(0))
        yield from sim_rows(group, replayed, split)
