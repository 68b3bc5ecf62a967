"""Nearest labelled examples: the smallest classifier over sentence embeddings."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["LabelledVectors"]

NEIGHBOURS = 3
"""A class is as near as the mean similarity of its nearest examples, this many."""


class LabelledVectors:
    """Unit vectors with labels.

    Args:
        labels: One for each vector.
        vectors: Shape (labels, d).
    """

    def __init__(self, labels: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Lay out which vectors are of which class."""
        self.names = sorted(set(labels))
        members = [np.flatnonzero(np.array(labels) == name) for name in self.names]
        self._vectors = vectors
        # One row a class: where its vectors are, padded to the longest with the row of similarity -1 behind the last.
        self._rows = np.full((len(members), max(NEIGHBOURS, *map(len, members))), len(labels))
        for row, member in zip(self._rows, members, strict=True):
            row[: len(member)] = member
        self._counted = np.minimum([len(member) for member in members], NEIGHBOURS)

    def scores(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return each class's nearness in [-1, 1] to each of ``vectors``, shape (vectors, classes), in ``names``' order."""
        similarities = np.full((len(vectors), len(self._vectors) + 1), -1.0)
        similarities[:, :-1] = vectors @ self._vectors.T
        nearest = np.partition(similarities[:, self._rows], -NEIGHBOURS, axis=2)[:, :, -NEIGHBOURS:]
        padding = NEIGHBOURS - self._counted
        return np.asarray((nearest.sum(axis=2) + padding) / self._counted)

    def nearest(self, vectors: NDArray[np.float32]) -> list[str]:
        """Return the nearest class of each of ``vectors``."""
        return [self.names[index] for index in self.scores(vectors).argmax(axis=1)]

    def near(self, vectors: NDArray[np.float32], limit: int, least: float) -> list[list[str]]:
        """Return for each of ``vectors`` up to ``limit`` classes whose nearness is at least ``least``, nearest first."""
        scores = self.scores(vectors)
        best = np.argsort(-scores, axis=1, kind="stable")[:, :limit]
        return [[self.names[i] for i in row if own[i] >= least] for row, own in zip(best, scores, strict=True)]
