"""The kind of each cluster of sentences, estimated with the table ``stage_kinds.toml``."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from gsim_env.corpus.mining.sentences import SideFeatures
from gsim_env.dialogue import Role
from gsim_env.models import Encoder
from gsim_env.sop.index import embed_cached
from gsim_env.sop.probe import LinearProbe
from gsim_env.util.files import load_toml_model

__all__ = ["Kind", "assign_kinds", "kind_table", "phrase_scores", "score_clusters"]

OPINION_WEIGHT = 3.0
"""Added to the score of the kind that a language model chooses.

More than the scores by phrases and evidence usually differ.
"""

Floats = NDArray[np.float64]


class Kind(BaseModel):
    """A row of ``stage_kinds.toml``, where comments explain the fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    means: str
    phrases: tuple[str, ...] = Field(min_length=1)
    lean: dict[str, float] = {}
    optional: bool = False


class KindTables(BaseModel):
    """The whole table: the kinds of both sides by name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sales: dict[str, Kind]
    customer: dict[str, Kind]


@lru_cache
def kind_table(role: Role, *, optional: bool) -> dict[str, Kind]:
    """Return the kinds of a side by name, with or without the optional ones."""
    tables = load_toml_model(KindTables, Path(__file__).parent / "stage_kinds.toml")
    kinds = tables.sales if role == "sales" else tables.customer
    return {name: kind for name, kind in kinds.items() if optional or not kind.optional}


def phrase_scores(
    side: SideFeatures, kinds: Mapping[str, Kind], encoder: Encoder
) -> dict[str, Floats]:
    """Return how similar each sentence is to each kind's phrases, as z-scores over the side."""
    names: list[str] = []
    phrases: list[str] = []
    for name, kind in kinds.items():
        names += [name] * len(kind.phrases)
        phrases += kind.phrases

    probe = LinearProbe(names, embed_cached(phrases, encoder))
    scores = probe.scores(side.vectors)
    deviation = scores.std(axis=0)
    normalized = (scores - scores.mean(axis=0)) / np.where(deviation == 0.0, 1.0, deviation)
    return dict(zip(probe.names, normalized.T, strict=True))


def score_clusters(
    labels: NDArray[np.int64],
    kinds: Mapping[str, Kind],
    phrases: Mapping[str, Floats],
    evidence: Mapping[str, Floats],
    opinions: Sequence[str | None] = (),
) -> Floats:
    """Return the score of each cluster as each kind, shape (clusters, kinds).

    The mean phrase score of the cluster's sentences, plus the mean evidence weighted by the table's
    ``lean``, plus :data:`OPINION_WEIGHT` for the kind that a language model chose.

    Args:
        labels: The cluster of each sentence.
        kinds: The kinds; the columns are in their order.
        phrases: The result of :func:`phrase_scores`.
        evidence: The result of :meth:`SideFeatures.evidence`.
        opinions: The kind of each cluster by a language model, if one was asked.
    """
    sizes = np.bincount(labels)

    def cluster_mean(values: Floats) -> Floats:
        return np.asarray(np.bincount(labels, weights=values) / sizes)

    columns = []
    for name, kind in kinds.items():
        column = cluster_mean(phrases[name]) + kind.lean.get("always", 0.0)
        for feature, weight in kind.lean.items():
            if feature != "always":
                column = column + weight * cluster_mean(evidence[feature])
        chosen = np.array([opinion == name for opinion in opinions] or 0.0)
        columns.append(column + OPINION_WEIGHT * chosen)
    return np.stack(columns, axis=1)


def assign_kinds(kinds: Mapping[str, Kind], scores: Floats) -> list[str]:
    """Return the best kind of each cluster, with every required kind at least once.

    A missing kind takes the cluster that loses least by the change and is not the only one of a
    required kind.

    Args:
        kinds: The kinds; those that are not optional are required.
        scores: The result of :func:`score_clusters`; at least as many clusters as required kinds.
    """
    names = list(kinds)
    best = [int(column) for column in scores.argmax(axis=1)]
    required = [column for column, name in enumerate(names) if not kinds[name].optional]

    while missing := [column for column in required if column not in best]:
        changeable = [
            row
            for row, column in enumerate(best)
            if best.count(column) > 1 or kinds[names[column]].optional
        ]
        row, column = min(
            product(changeable, missing),
            key=lambda change: float(scores[change[0], best[change[0]]] - scores[change]),
        )
        best[row] = column
    return [names[column] for column in best]
