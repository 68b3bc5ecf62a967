"""Embedding discriminator: logistic regression over a frozen sentence encoder, fast on a CPU."""

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
from gsim_env.models.registry import shared_cached_encoder
from gsim_env.rewards.turns import Turn, last_sales_utterance
from gsim_env.util.extras import import_optional_module
from gsim_env.util.text import split_words

__all__ = ["EmbeddingDiscriminator", "answer_feature_matrix"]

Floats = NDArray[np.float64]

SETTINGS, WEIGHTS = "embedding.json", "embedding.npy"

CHAR_NGRAMS = {
    "analyzer": "char_wb",
    "ngram_range": (1, 5),
    "n_features": 2**15,
    "lowercase": False,
}
WORD_NGRAMS = {"ngram_range": (1, 2), "n_features": 2**14, "token_pattern": r"(?u)\w+|[^\w\s]"}

NGRAM_SCALE = 20.0
"""Factor for n-gram rows, which have length 1, to match the dense features of about 1 each."""

LOGIT_BOUND = 60.0
"""Logits are clipped to this, so that ``exp`` does not overflow."""


@dataclass(frozen=True, eq=False)
class EmbeddingDiscriminator:
    """Human-or-model classifier of customer answers: logistic regression on frozen embeddings.

    P(real | c, y) = sigma((w . x + b) / T), with x a row of :func:`answer_feature_matrix`.

    Attributes:
        name: Identifies it in results.
        encoder: phi, as ``gsim_env.models.registry`` names it.
        weights: w, shape (features,).
        bias: b.
        temperature: T > 0, which calibrates the probabilities (Guo et al. 2017).
    """

    name: str
    encoder: str
    weights: NDArray[np.float32]
    bias: float
    temperature: float = 1.0

    def probability(self, turns: Sequence[Turn]) -> Floats:
        """Return the probability that a human gave each answer, shape (turns,), in [0, 1].

        Raises:
            ImportError: if the extra ``embedded`` is not installed.
            SimulatorError: if the encoder fails.
        """
        inputs = answer_feature_matrix(turns, shared_cached_encoder(self.encoder))
        logits = np.asarray(inputs @ self.weights + self.bias, dtype=np.float64)
        logits = np.clip(logits / self.temperature, -LOGIT_BOUND, LOGIT_BOUND)
        return np.asarray(1.0 / (1.0 + np.exp(-logits)))

    def save(self, folder: Path) -> None:
        """Write the classifier to ``embedding.json`` and ``embedding.npy`` in a folder."""
        settings = {
            "name": self.name,
            "encoder": self.encoder,
            "bias": self.bias,
            "temperature": self.temperature,
        }
        np.save(folder / WEIGHTS, self.weights)
        (folder / SETTINGS).write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load the embedding discriminator that :meth:`save` wrote to a folder.

        Raises:
            ConfigurationError: if the folder holds no discriminator of this backend.
        """
        try:
            settings: dict[str, Any] = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
            return cls(weights=np.load(folder / WEIGHTS, allow_pickle=False), **settings)
        except (OSError, ValueError, TypeError) as error:
            raise ConfigurationError(
                f"{folder} holds no discriminator of the backend 'embedding': {error}"
            ) from error


def answer_feature_matrix(turns: Sequence[Turn], encoder: Encoder) -> Any:
    """Return the discriminator's sparse feature matrix: embeddings, style features and n-grams.

    Shape (turns, 2 d + 12 + 2^15 + 2^14), with u the salesperson's last utterance and y the answer:
    phi(y), the answer's meaning; phi(u) * phi(y), how well y answers u; :func:`_style_features` of
    y; and hashed n-grams of y's letters and words, which differ between people and models even
    where both mean the same.
    """
    answers = [turn.answer for turn in turns]
    questions = [last_sales_utterance(turn) for turn in turns]

    # Embed each distinct text once.
    distinct = list(dict.fromkeys([*answers, *questions]))
    row = {text: index for index, text in enumerate(distinct)}
    vectors = encoder.encode(distinct)
    answer_vectors = vectors[[row[text] for text in answers]]
    question_vectors = vectors[[row[text] for text in questions]]

    # A unit vector's elements are about 1/sqrt(d): scale them to about 1.
    scale = math.sqrt(answer_vectors.shape[1])
    style = np.array([_style_features(text) for text in answers])
    dense = np.concatenate(
        [scale * answer_vectors, scale**2 * answer_vectors * question_vectors, style], axis=1
    ).astype(np.float32)

    ngrams = [
        NGRAM_SCALE * vectorizer.transform(answers).astype(np.float32)
        for vectorizer in _ngram_vectorizers()
    ]
    sparse = import_optional_module("scipy.sparse", "embedded")
    return sparse.hstack([sparse.csr_matrix(dense), *ngrams], format="csr")


@cache
def _ngram_vectorizers() -> tuple[Any, Any]:
    """Return the hashing vectorizers of letters and of words; hashing needs no fit."""
    vectorizer = import_optional_module(
        "sklearn.feature_extraction.text", "embedded"
    ).HashingVectorizer
    return vectorizer(**CHAR_NGRAMS), vectorizer(**WORD_NGRAMS)


def _style_features(text: str) -> list[float]:
    """Return 12 features of a text's length, case, punctuation and pronouns, each about -2 to 2."""
    tokens = split_words(text)
    count = max(len(tokens), 1)

    def per_ten_words(matches: int) -> float:
        return 10.0 * matches / count

    contractions = sum("'" in token or "\u2019" in token for token in tokens)
    first_person = sum(token in {"i", "i'm", "my", "me"} for token in tokens)
    second_person = sum(token in {"you", "your"} for token in tokens)

    return [
        math.log1p(len(tokens)) - 2.0,
        sum(map(len, tokens)) / count - 4.0,
        float(text[:1].islower()),
        float(text.rstrip()[-1:] not in tuple(".?!\"')")),
        float("?" in text),
        float("!" in text),
        per_ten_words(text.count(",")),
        float(any(mark in text for mark in ("...", "..", "\u2026"))),
        float(re.search(r"\bi\b|\bi'", text) is not None),
        per_ten_words(contractions),
        per_ten_words(first_person),
        per_ten_words(second_person),
    ]
