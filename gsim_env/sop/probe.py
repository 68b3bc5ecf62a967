"""A linear probe: ridge regression from sentence embeddings to labels, with a class for none."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["LinearProbe"]

RIDGE = 1.0
"""The ridge parameter for unit vectors: small classes stay near zero, large ones are fitted."""

MAX_UNLABELED_WEIGHT = 2.0
"""Maximum total weight of unlabeled examples, relative to labeled ones.

A machine-labeled corpus leaves most turns without a label; at full weight, no class would score
(``tests/sop/test_probe.py``).
"""


class LinearProbe:
    """Multi-class classifier of embeddings: one ridge regression per class, in closed form.

    On held-out calls it classifies sales turns better than the nearest examples do
    (``tests/simulation/test_sales_classifier.py``), at the cost of one small matrix product.

    Args:
        labels: One for each vector; ``None`` for an example of no class.
        vectors: Unit rows, shape (labels, d).
    """

    def __init__(self, labels: Sequence[str | None], vectors: NDArray[np.float32]) -> None:
        """Fit the weights."""
        self.names = sorted({label for label in labels if label is not None})
        one_hot = [[label == name for name in self.names] for label in labels]
        targets = np.array(one_hot, dtype=np.float64)
        rows = vectors.astype(np.float64)

        # Weights of examples, shape (labels, 1).
        unlabeled = np.array([label is None for label in labels])
        ratio = MAX_UNLABELED_WEIGHT * (~unlabeled).sum() / max(1, unlabeled.sum())
        weight = np.where(unlabeled, min(1.0, ratio), 1.0)[:, None]

        # Centering keeps the intercept out of the ridge penalty.
        mean = (weight * rows).sum(axis=0) / weight.sum()
        base = (weight * targets).sum(axis=0) / weight.sum()
        rows -= mean

        penalty = RIDGE * np.eye(rows.shape[1])
        self._weights = np.linalg.solve(
            rows.T @ (weight * rows) + penalty, rows.T @ (weight * (targets - base))
        )
        self._intercept = base - mean @ self._weights

    def scores(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return each embedding's score for each class, about 0 to 1, shape (vectors, classes).

        Columns are in the order of ``names``.
        """
        return np.asarray(vectors @ self._weights + self._intercept)

    def best(self, vectors: NDArray[np.float32]) -> list[str]:
        """Return the best-scoring class of each embedding."""
        return [self.names[index] for index in self.scores(vectors).argmax(axis=1)]

    def above(self, vectors: NDArray[np.float32], least: float, limit: int) -> list[list[str]]:
        """Return up to ``limit`` classes of each embedding with a score of at least ``least``.

        Best first.
        """
        result: list[list[str]] = []
        for row in self.scores(vectors):
            best = np.argsort(-row, kind="stable")[:limit]
            result.append([self.names[index] for index in best if row[index] >= least])
        return result
