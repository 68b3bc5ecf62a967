"""The embedded default of the pattern reward model.

A frozen encoder and a logistic regression; milliseconds on a CPU.
"""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gsim_env.errors import ConfigurationError
from gsim_env.models import Encoder
from gsim_env.models.registry import shared_encoder
from gsim_env.rewards.turns import Turn
from gsim_env.util.extras import require

__all__ = ["EmbeddingDiscriminator", "features"]

Floats = NDArray[np.float64]

SETTINGS, WEIGHTS = "embedding.json", "embedding.npy"

WORD = re.compile(r"\w+(?:['\u2019]\w+)?")

SPELLING = {"analyzer": "char_wb", "ngram_range": (1, 5), "n_features": 2**15, "lowercase": False}
WORDING = {"ngram_range": (1, 2), "n_features": 2**14, "token_pattern": r"(?u)\w+|[^\w\s]"}
COUNTED = 20.0
"""Rows of n-grams have length 1: by so much they are scaled beside features of about 1 each."""


@dataclass(frozen=True, eq=False)
class EmbeddingDiscriminator:
    """P(real | c, y) = sigma((w . x + b) / T), with x the :func:`features` of the salesperson's
    last words and the answer.

    Attributes:
        name: Identifies it in results.
        encoder: phi, as ``gsim_env.models.registry`` names it.
        weights: w, shape (features,).
        bias: b.
        temperature: T, by which its probabilities are calibrated (Guo et al. 2017); greater than 0.
    """

    name: str
    encoder: str
    weights: NDArray[np.float32]
    bias: float
    temperature: float = 1.0

    def probability(self, turns: Sequence[Turn]) -> Floats:
        """Return P(label = Real | c, y) for each turn, shape (turns,).

        Raises:
            ImportError: if the extra ``embedded`` is not installed.
            SimulatorError: if the encoder fails.
        """
        seen = features(turns, shared_encoder(self.encoder))
        logits = np.asarray(seen @ self.weights + self.bias, dtype=np.float64) / self.temperature
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits, -60.0, 60.0))))

    def save(self, folder: Path) -> None:
        """Write it to a folder."""
        learnt = {
            "name": self.name,
            "encoder": self.encoder,
            "bias": self.bias,
            "temperature": self.temperature,
        }
        np.save(folder / WEIGHTS, self.weights)
        (folder / SETTINGS).write_text(json.dumps(learnt, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read it from a folder.

        Raises:
            ConfigurationError: if the folder holds none.
        """
        try:
            learnt: dict[str, Any] = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
            return cls(weights=np.load(folder / WEIGHTS, allow_pickle=False), **learnt)
        except (OSError, ValueError, TypeError) as error:
            raise ConfigurationError(
                f"{folder} holds no discriminator of the backend 'embedding': {error}"
            ) from error


def features(turns: Sequence[Turn], encoder: Encoder) -> Any:
    """Return what the logistic regression sees of each turn.

    A sparse matrix, shape (turns, 2 d + 12 + 2^15 + 2^14).

    phi(y); phi(u) * phi(y), by which an answer fits the salesperson's last words u or not; how y is
    written; and hashed counts of y's letters and words in a row, which tell people from machines
    when both mean the same.
    """
    heard = [
        next((m["content"] for m in reversed(turn.context) if m["role"] == "user"), "")
        for turn in turns
    ]
    said = [turn.answer for turn in turns]
    distinct = list(dict.fromkeys([*said, *heard]))
    row = {text: index for index, text in enumerate(distinct)}
    vectors = encoder.encode(distinct)
    answers, before = vectors[[row[text] for text in said]], vectors[[row[text] for text in heard]]
    scale = math.sqrt(answers.shape[1])  # of unit vectors, so that each feature is about 1
    writing = np.array([written(text) for text in said])
    dense = np.concatenate([scale * answers, scale**2 * answers * before, writing], axis=1).astype(
        np.float32
    )
    sparse = require("scipy.sparse", "embedded")
    counted = [COUNTED * counter.transform(said).astype(np.float32) for counter in counters()]
    return sparse.hstack([sparse.csr_matrix(dense), *counted], format="csr")


@cache
def counters() -> tuple[Any, Any]:
    """Return what counts n-grams, of letters and of words; they have nothing to learn."""
    vectorizer = require("sklearn.feature_extraction.text", "embedded").HashingVectorizer
    return vectorizer(**SPELLING), vectorizer(**WORDING)


def written(text: str) -> list[float]:
    """Return how a text is written, each figure about -2 to 2.

    Length, case, punctuation, the person it is about.
    """
    words = WORD.findall(text)
    lower = [word.lower() for word in words]
    count = max(len(words), 1)

    def share(*wanted: str) -> float:
        return 10.0 * sum(word in wanted for word in lower) / count

    return [
        math.log1p(len(words)) - 2.0,
        sum(map(len, words)) / count - 4.0,
        float(text[:1].islower()),
        float(text.rstrip()[-1:] not in tuple(".?!\"')")),
        float("?" in text),
        float("!" in text),
        10.0 * text.count(",") / count,
        float(any(mark in text for mark in ("...", "..", "\u2026"))),
        float(re.search(r"\bi\b|\bi'", text) is not None),
        10.0 * sum("'" in word or "\u2019" in word for word in words) / count,
        share("i", "i'm", "my", "me"),
        share("you", "your"),
    ]
