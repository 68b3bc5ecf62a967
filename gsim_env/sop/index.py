"""Embedding a corpus once: phi of every profile and of everything a salesperson said, cached by content."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gsim_env.cache import cache_folder
from gsim_env.models import Encoder
from gsim_env.models.extras import loading
from gsim_env.profiles import RecordedCall
from gsim_env.sop.chain import steps_of
from gsim_env.sop.library import Indexed

__all__ = ["embed_cached", "index_calls"]


def index_calls(calls: Sequence[RecordedCall], encoder: Encoder) -> Indexed:
    """Embed the profiles and the sales turns of ``calls``."""
    lengths = [len(steps_of(call)) for call in calls]
    texts = [call.profile.text for call in calls] + [step.sales for call in calls for step in steps_of(call)]
    vectors = embed_cached(texts, encoder)
    sales = np.split(vectors[len(calls) :], np.cumsum(lengths)[:-1])
    return Indexed(calls, vectors[: len(calls)], sales)


def embed_cached(texts: Sequence[str], encoder: Encoder) -> NDArray[np.float32]:
    """Return phi of ``texts``, shape (texts, d), kept under the cache folder by the texts' and the encoder's hash."""
    digest = hashlib.sha256("\0".join((encoder.name, *texts)).encode()).hexdigest()[:16]
    file = cache_folder("embeddings") / f"{digest}.npy"
    if file.is_file():
        return np.asarray(np.load(file), dtype=np.float32)
    with loading(f"embeddings of {len(texts)} texts, once"):
        vectors = encoder.encode(texts)
    save_atomically(file, vectors)
    return vectors


def save_atomically(file: Path, vectors: NDArray[np.float32]) -> None:
    """Write an array so that another process sees all of it or none."""
    partial = file.with_name(f"{file.stem}.{id(vectors)}.partial")
    with partial.open("wb") as stream:
        np.save(stream, vectors)
    partial.replace(file)
