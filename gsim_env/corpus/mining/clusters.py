"""Clustering in two steps: k-means into small clusters, then merging those of one kind."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from gsim_env.util.extras import import_optional_module

__all__ = ["CLUSTERS_PER_STAGE", "k_means", "merge_clusters"]

CLUSTERS_PER_STAGE = 3
"""Small clusters per stage, on average: rare subjects, such as a concern, get one of their own."""

RESTARTS = 4

Labels = NDArray[np.int64]


def k_means(features: NDArray[np.float32], count: int, seed: int) -> Labels:
    """Return the cluster of each row, from 0 to at most ``count`` - 1; no cluster is empty."""
    model = import_optional_module("sklearn.cluster", "corpus").KMeans(
        count, n_init=RESTARTS, random_state=seed
    )
    labels = model.fit(features.astype(np.float64)).labels_
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


def merge_clusters(
    features: NDArray[np.float32], labels: Labels, kinds: Sequence[str], count: int
) -> tuple[Labels, list[str]]:
    """Merge clusters of one kind until ``count`` are left (Ward's criterion).

    Args:
        features: The clustered rows.
        labels: The cluster of each row.
        kinds: The kind of each cluster; at most ``count`` different ones.
        count: Number of clusters to keep.

    Returns:
        The merged cluster of each row, and the kind of each merged cluster.
    """
    sizes = np.bincount(labels, minlength=len(kinds)).astype(np.float64)
    clusters = range(len(kinds))
    centers = [features[labels == number].mean(axis=0, dtype=np.float64) for number in clusters]
    members = [[number] for number in clusters]
    remaining = list(clusters)

    def increase_of_variance(pair: tuple[int, int]) -> float:
        first, second = pair
        gap = centers[first] - centers[second]
        weight = sizes[first] * sizes[second] / (sizes[first] + sizes[second])
        return float(weight * (gap @ gap))

    while len(remaining) > count:
        pairs = [pair for pair in combinations(remaining, 2) if kinds[pair[0]] == kinds[pair[1]]]
        first, second = min(pairs, key=increase_of_variance)

        total = sizes[first] + sizes[second]
        weighted = sizes[first] * centers[first] + sizes[second] * centers[second]
        centers[first] = weighted / total
        sizes[first] = total
        members[first] += members[second]
        remaining.remove(second)

    merged = np.zeros(len(labels), dtype=np.int64)
    for number, cluster in enumerate(remaining):
        merged[np.isin(labels, members[cluster])] = number
    return merged, [kinds[cluster] for cluster in remaining]
