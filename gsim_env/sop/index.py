"""Embedding a corpus once.

Phi of every profile and of everything a salesperson said, cached by content.
"""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gsim_env.models import Encoder
from gsim_env.profiles import RecordedCall
from gsim_env.sop.chain import steps_of
from gsim_env.sop.library import Indexed
from gsim_env.util.cache import cache_folder
from gsim_env.util.extras import loading

__all__ = ["embed_cached", "index_calls"]

ROWS = 4096
"""Texts embedded at a time."""


def index_calls(calls: Sequence[RecordedCall], encoder: Encoder) -> Indexed:
    """Embed the profiles and the sales turns of ``calls``."""
    lengths = [len(steps_of(call)) for call in calls]
    texts = [call.profile.text for call in calls] + [
        step.sales for call in calls for step in steps_of(call)
    ]
    vectors = embed_cached(texts, encoder)
    sales = np.split(vectors[len(calls) :], np.cumsum(lengths)[:-1])
    return Indexed(calls, vectors[: len(calls)], sales)


def embed_cached(texts: Sequence[str], encoder: Encoder) -> NDArray[np.float32]:
    """Return phi of ``texts``, shape (texts, d), kept under the cache folder by the texts' and the
    encoder's hash.

    The rows stay in their file, read-only, and come into memory as they are looked at: a corpus may
    have more of them than fit, and processes share them.
    """
    digest = hashlib.sha256("\0".join((encoder.name, *texts)).encode()).hexdigest()[:16]
    file = cache_folder("embeddings") / f"{digest}.npy"
    if not file.is_file():
        with loading(f"embeddings of {len(texts)} texts, once"):
            write(file, texts, encoder)
    return np.asarray(np.load(file, mmap_mode="r"), dtype=np.float32)


def write(file: Path, texts: Sequence[str], encoder: Encoder) -> None:
    """Write phi of ``texts``, some at a time, so that another process sees all of it or none."""
    partial = file.with_name(f"{file.stem}.{os.getpid()}.partial")
    rows: np.memmap | None = None
    for start in range(0, len(texts), ROWS):
        vectors = encoder.encode(texts[start : start + ROWS])
        if rows is None:
            rows = np.lib.format.open_memmap(
                partial, "w+", np.float32, (len(texts), vectors.shape[1])
            )
        rows[start : start + len(vectors)] = vectors
    assert rows is not None, "a corpus says something"
    rows.flush()
    partial.replace(file)
