"""Nearest labelled examples: the smallest classifier over sentence embeddings."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["LabelledVectors"]

NEIGHBOURS = 3
"""A class is as near as the mean similarity of its nearest examples, this many."""


class LabelledVectors:
    """Unit vectors with labels, sorted by label so that each class is one slice.

    Args:
        labels: One for each vector.
        vectors: Shape (labels, d).
    """

    def __init__(self, labels: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Sort by label."""
        order = np.argsort(np.array(labels), kind="stable")
        self._vectors = vectors[order]
        names, starts = np.unique(np.array(labels)[order], return_index=True)
        self.names = [str(name) for name in names]
        self._slices = [slice(a, b) for a, b in zip(starts, [*starts[1:], len(labels)], strict=True)]

    def scores(self, vector: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return each class's nearness in [-1, 1], shape (classes,), in the order of ``names``."""
        similarities = self._vectors @ vector
        return np.array([np.sort(similarities[part])[-NEIGHBOURS:].mean() for part in self._slices])

    def nearest(self, vector: NDArray[np.float32]) -> str:
        """Return the nearest class."""
        return self.names[int(np.argmax(self.scores(vector)))]

    def near(self, vector: NDArray[np.float32], limit: int, least: float) -> list[str]:
        """Return up to ``limit`` nearest classes whose nearness is at least ``least``, nearest first."""
        scores = self.scores(vector)
        return [self.names[i] for i in np.argsort(-scores, kind="stable")[:limit] if scores[i] >= least]
