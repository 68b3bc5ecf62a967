"""Clustering a side in two steps.

Into more parts than there are to be stages, and parts of one kind into stages.
"""

import numpy as np
from numpy.typing import NDArray

from gsim_env.util.extras import require

__all__ = ["PARTS", "k_means", "merge"]

PARTS = 3
"""Parts that a stage is made of, on average.

What is rare, such as a concern, gets a part of its own before it gets a stage.
"""

STARTS = 4


def k_means(features: NDArray[np.float32], count: int, seed: int) -> NDArray[np.int64]:
    """Return the cluster of each row, 0 to at most ``count`` - 1, none of them empty."""
    fitted = require("sklearn.cluster", "corpus").KMeans(count, n_init=STARTS, random_state=seed)
    labels = fitted.fit(features.astype(np.float64)).labels_
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


def merge(
    features: NDArray[np.float32], parts: NDArray[np.int64], kinds: list[str], stages: int
) -> tuple[NDArray[np.int64], list[str]]:
    """Merge parts of one kind, always the two whose union is the least spread (Ward), until
    ``stages`` are left.

    Args:
        features: What was clustered.
        parts: The part of each row.
        kinds: The kind of each part; no more different ones than ``stages``.
        stages: How many are to be left.

    Returns:
        The stage of each row, and the kind of each stage.
    """
    sizes = np.bincount(parts, minlength=len(kinds)).astype(np.float64)
    centers = [features[parts == part].mean(axis=0, dtype=np.float64) for part in range(len(kinds))]
    members = [[part] for part in range(len(kinds))]
    alive = list(range(len(kinds)))

    def cost(first: int, second: int) -> float:
        gap = centers[first] - centers[second]
        return float(sizes[first] * sizes[second] / (sizes[first] + sizes[second]) * (gap @ gap))

    while len(alive) > stages:
        pairs = [
            (a, b)
            for place, a in enumerate(alive)
            for b in alive[place + 1 :]
            if kinds[a] == kinds[b]
        ]
        first, second = min(pairs, key=lambda pair: cost(*pair))
        both = sizes[first] + sizes[second]
        centers[first] = (sizes[first] * centers[first] + sizes[second] * centers[second]) / both
        sizes[first] = both
        members[first] += members[second]
        alive.remove(second)
    labels = np.zeros(len(parts), dtype=np.int64)
    for stage, part in enumerate(alive):
        labels[np.isin(parts, members[part])] = stage
    return labels, [kinds[part] for part in alive]
