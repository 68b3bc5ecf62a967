"""Stages of one side: k-means clusters get a kind each, and clusters of one kind are merged."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gsim_env.corpus.mining.clusters import CLUSTERS_PER_STAGE, k_means, merge_clusters
from gsim_env.corpus.mining.llm_naming import ask_kinds
from gsim_env.corpus.mining.naming import typical_texts
from gsim_env.corpus.mining.sentences import SideFeatures, TurnId
from gsim_env.corpus.mining.stage_kinds import (
    assign_kinds,
    kind_table,
    phrase_scores,
    score_clusters,
)
from gsim_env.models import Encoder, LanguageModel

__all__ = [
    "MIN_STAGES",
    "StageCluster",
    "centroid",
    "cluster_stages",
    "mean_position",
    "typical_sentences",
]

MIN_STAGES = 6
"""Minimum number of stages per side: as many as there are required kinds."""

SHOWN_SENTENCES = 8
"""Sentences of a cluster in a prompt."""

Rows = NDArray[np.int64]
"""Numbers of sentences of one side."""


@dataclass(frozen=True, slots=True, eq=False)
class StageCluster:
    """A stage without a name.

    Attributes:
        rows: Its sentences, as rows of the side.
        kind: Its estimated kind.
        runner_up: The kind with the next best score.
    """

    rows: Rows
    kind: str
    runner_up: str


def cluster_stages(
    side: SideFeatures,
    encoder: Encoder,
    count: int,
    seed: int,
    model: LanguageModel | None = None,
    concern_turns: frozenset[TurnId] = frozenset(),
) -> list[StageCluster]:
    """Return the stages of a side, ordered by their mean position in the call.

    Args:
        side: The sentences.
        encoder: The sentence encoder phi.
        count: Number of stages; the side must have at least as many different sentences.
        seed: Seed of the clustering.
        model: Chooses the kind of each cluster, if given; phrases and evidence count as well.
        concern_turns: The customer's turns that raise a concern.

    Raises:
        SimulatorError: if the model fails.
    """
    all_kinds = kind_table(side.role, optional=True)
    kinds = all_kinds if count >= len(all_kinds) else kind_table(side.role, optional=False)
    phrases = phrase_scores(side, kinds, encoder)
    evidence = side.evidence(concern_turns)

    # Small clusters, each with a kind.
    clusters = min(CLUSTERS_PER_STAGE * count, side.distinct_texts)
    small = k_means(side.features, clusters, seed)
    opinions: list[str] = []
    if model is not None:
        shown = [
            typical_sentences(side, np.flatnonzero(small == number), SHOWN_SENTENCES)
            for number in range(int(small.max()) + 1)
        ]
        opinions = ask_kinds(model, side.role, shown, kinds, seed)
    assigned = assign_kinds(kinds, score_clusters(small, kinds, phrases, evidence, opinions))

    # Small clusters of one kind are merged into stages.
    labels, stage_kinds = merge_clusters(side.features, small, assigned, count)
    scores = score_clusters(labels, kinds, phrases, evidence)
    stages = []
    for number, kind in enumerate(stage_kinds):
        ranked = sorted(zip(scores[number], kinds, strict=True), reverse=True)
        runner_up = next(name for _, name in ranked if name != kind)
        stages.append(StageCluster(np.flatnonzero(labels == number), kind, runner_up))
    return sorted(stages, key=lambda stage: mean_position(side, stage.rows))


def mean_position(side: SideFeatures, rows: Rows) -> float:
    """Return the mean relative position in the call of some sentences, in [0, 1]."""
    return float(np.mean([side.sentences[row].position for row in rows]))


def centroid(side: SideFeatures, rows: Rows) -> NDArray[np.float64]:
    """Return the mean vector of some sentences, as a unit vector."""
    mean = side.vectors[rows].mean(axis=0, dtype=np.float64)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12))


def typical_sentences(side: SideFeatures, rows: Rows, count: int) -> list[str]:
    """Return the most typical of some sentences, all different from each other."""
    return typical_texts(side.texts(rows), side.vectors[rows], centroid(side, rows), count)
