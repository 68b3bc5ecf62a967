"""Guessing what kind of stage a cluster is, by the table ``kinds.toml``.

A guess, for a person to look over.
"""

import tomllib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from gsim_env.corpus.mining.sentences import Side
from gsim_env.dialogue import Role
from gsim_env.models import Encoder
from gsim_env.sop.index import embed_cached
from gsim_env.sop.probe import LinearProbe

__all__ = ["Kind", "guess", "kind_table", "phrase_scores", "score_clusters"]

OPINION = 3.0
"""What a language model's opinion adds to a score.

More than phrases and places together usually differ by.
"""


class Kind(BaseModel):
    """A row of the table; its comments say what the fields mean."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    means: str
    phrases: tuple[str, ...] = Field(min_length=1)
    lean: dict[str, float] = {}
    optional: bool = False


@lru_cache
def kind_table(role: Role, *, optional: bool) -> dict[str, Kind]:
    """Return the kinds of a side by name, with or without the optional ones."""
    rows = tomllib.loads((Path(__file__).parent / "stage_kinds.toml").read_text(encoding="utf-8"))[
        role
    ]
    kinds = {name: Kind.model_validate(row) for name, row in rows.items()}
    return {name: kind for name, kind in kinds.items() if optional or not kind.optional}


def phrase_scores(
    side: Side, kinds: Mapping[str, Kind], encoder: Encoder
) -> dict[str, NDArray[np.float64]]:
    """Return how much each sentence sounds like each kind's phrases, in standard deviations over the side."""
    labeled = [(text, name) for name, kind in kinds.items() for text in kind.phrases]
    probe = LinearProbe(
        [name for _, name in labeled], embed_cached([text for text, _ in labeled], encoder)
    )
    scores = probe.scores(side.vectors)
    spread = scores.std(axis=0)
    return dict(
        zip(
            probe.names,
            ((scores - scores.mean(axis=0)) / np.where(spread == 0.0, 1.0, spread)).T,
            strict=True,
        )
    )


def score_clusters(
    labels: NDArray[np.int64],
    kinds: Mapping[str, Kind],
    phrases: Mapping[str, NDArray[np.float64]],
    evidence: Mapping[str, NDArray[np.float64]],
    opinions: Sequence[str | None] = (),
) -> NDArray[np.float64]:
    """Return the score of each cluster as each kind, shape (clusters, kinds), in ``kinds``' order.

    It is the mean of what its sentences sound like, plus the table's leanings times the mean
    evidence, plus :data:`OPINION` for the kind that a language model took it for.
    """
    sizes = np.bincount(labels)

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.bincount(labels, weights=values) / sizes)

    columns = []
    for name, kind in kinds.items():
        column = mean(phrases[name]) + kind.lean.get("always", 0.0)
        for what, weight in kind.lean.items():
            if what != "always":
                column = column + weight * mean(evidence[what])
        columns.append(column + OPINION * np.array([own == name for own in opinions] or 0.0))
    return np.stack(columns, axis=1)


def guess(kinds: Mapping[str, Kind], scores: NDArray[np.float64]) -> list[str]:
    """Return the best kind of each cluster, but every kind that is not optional at least once.

    A kind that is missing takes the cluster that loses the least by it, of those whose own kind is
    not the last one needed. There must be as many clusters as kinds that are needed.
    """
    names = list(kinds)
    best = [int(column) for column in scores.argmax(axis=1)]
    while missing := [
        column
        for column, name in enumerate(names)
        if not kinds[name].optional and column not in best
    ]:
        free = [
            row for row, own in enumerate(best) if best.count(own) > 1 or kinds[names[own]].optional
        ]
        row, column = min(
            ((row, column) for row in free for column in missing),
            key=lambda swap: float(scores[swap[0], best[swap[0]]] - scores[swap]),
        )
        best[row] = column
    return [names[column] for column in best]
