"""A linear probe.

Ridge regression from sentence embeddings to labels, the smallest classifier that sees what is *not*
one.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["LinearProbe"]

RIDGE = 1.0
"""The ridge parameter.

With unit vectors, a class of few examples is held near zero and one of many is fitted.
"""


OUTWEIGHED = 2.0
"""Examples of no class weigh together at most so many times what those of a class do. A corpus
labeled by a machine leaves most of its turns without one; at their full weight nothing would ever
score (tests/sop/test_probe.py)."""


class LinearProbe:
    """One ridge regression a class, of 1 for its own examples and 0 for all others, fitted in
    closed form.

    On calls left out it reads salespeople better than the nearest examples do
    (``tests/simulation/test_reading.py``), and a reading costs one small product instead of a
    comparison with every example.

    Args:
        labels: One for each vector; ``None`` for an example of no class.
        vectors: Unit rows, shape (labels, d).
    """

    def __init__(self, labels: Sequence[str | None], vectors: NDArray[np.float32]) -> None:
        """Fit."""
        self.names = sorted({label for label in labels if label is not None})
        wanted = np.array(
            [[label == name for name in self.names] for label in labels], dtype=np.float64
        )
        rows = vectors.astype(np.float64)
        other = np.array([label is None for label in labels])
        weight = np.where(other, min(1.0, OUTWEIGHED * (~other).sum() / max(1, other.sum())), 1.0)[
            :, None
        ]
        mean, base = (
            (weight * rows).sum(axis=0) / weight.sum(),
            (weight * wanted).sum(axis=0) / weight.sum(),
        )
        rows -= mean  # so that the constant is not held down as the weights are
        penalty = RIDGE * np.eye(rows.shape[1])
        self._weights = np.linalg.solve(
            rows.T @ (weight * rows) + penalty, rows.T @ (weight * (wanted - base))
        )
        self._constant = base - mean @ self._weights

    def scores(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return how much each of ``vectors`` is of each class, about 0 to 1, shape (vectors, classes), in ``names``' order."""
        return np.asarray(vectors @ self._weights + self._constant)

    def best(self, vectors: NDArray[np.float32]) -> list[str]:
        """Return the class of each of ``vectors``."""
        return [self.names[index] for index in self.scores(vectors).argmax(axis=1)]

    def above(self, vectors: NDArray[np.float32], least: float, limit: int) -> list[list[str]]:
        """Return for each of ``vectors`` up to ``limit`` classes that score at least ``least``, best first."""
        scores = self.scores(vectors)
        best = np.argsort(-scores, axis=1, kind="stable")[:, :limit]
        return [
            [self.names[i] for i in row if own[i] >= least]
            for row, own in zip(best, scores, strict=True)
        ]
