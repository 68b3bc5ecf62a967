"""Embeddings of a corpus (profiles and sales turns), cached on disk by content."""

import hashlib
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gsim_env.models import Encoder
from gsim_env.profiles import RecordedCall
from gsim_env.sop.chain import steps_of
from gsim_env.sop.library import Indexed
from gsim_env.util.cache import cache_folder
from gsim_env.util.extras import log_loading
from gsim_env.util.files import atomic_path

__all__ = ["embed_cached", "index_calls"]

CHUNK_TEXTS = 4096
"""Texts embedded at a time."""


def index_calls(calls: Sequence[RecordedCall], encoder: Encoder) -> Indexed:
    """Embed the customer profiles and the sales turns of recorded calls, cached on disk."""
    steps = [steps_of(call) for call in calls]
    profiles = [call.profile.text for call in calls]
    utterances = [step.sales for step in chain.from_iterable(steps)]
    vectors = embed_cached([*profiles, *utterances], encoder)

    ends = np.cumsum([len(call_steps) for call_steps in steps])
    sales = np.split(vectors[len(calls) :], ends[:-1])
    return Indexed(calls, vectors[: len(calls)], sales)


def embed_cached(texts: Sequence[str], encoder: Encoder) -> NDArray[np.float32]:
    """Return sentence embeddings of texts, shape (texts, d), cached on disk by content.

    The array is a read-only memory map: a corpus may exceed the memory, and processes share it.
    """
    digest = hashlib.sha256("\0".join((encoder.name, *texts)).encode()).hexdigest()[:16]
    file = cache_folder("embeddings") / f"{digest}.npy"
    if not file.is_file():
        with log_loading(f"embeddings of {len(texts)} texts, once"):
            write(file, texts, encoder)
    return np.asarray(np.load(file, mmap_mode="r"), dtype=np.float32)


def write(file: Path, texts: Sequence[str], encoder: Encoder) -> None:
    """Write the sentence embeddings of texts to a ``.npy`` file, atomically and in chunks."""
    assert texts, "a corpus has texts"
    with atomic_path(file) as partial:
        rows: np.memmap | None = None
        for start in range(0, len(texts), CHUNK_TEXTS):
            vectors = encoder.encode(texts[start : start + CHUNK_TEXTS])
            if rows is None:
                shape = (len(texts), vectors.shape[1])
                rows = np.lib.format.open_memmap(partial, "w+", np.float32, shape)
            rows[start : start + len(vectors)] = vectors

        assert rows is not None
        rows.flush()
