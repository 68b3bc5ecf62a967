"""The stages of one side: parts by k-means, a kind for each part, and parts of one kind merged."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gsim_env.corpus.mining.clusters import PARTS, k_means, merge
from gsim_env.corpus.mining.llm_naming import ask_kinds
from gsim_env.corpus.mining.naming import typical
from gsim_env.corpus.mining.sentences import Side
from gsim_env.corpus.mining.stage_kinds import guess, kind_table, phrase_scores, score_clusters
from gsim_env.models import Encoder, LanguageModel

__all__ = ["FEWEST", "Found", "find_stages"]

FEWEST = 6
"""Stages a side: as many as there are kinds that it cannot do without."""

SHOWN = 8
"""Sentences of a part that a language model is shown."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A stage without a name.

    Attributes:
        rows: Which sentences of its side.
        kind: Its guessed kind.
        runner_up: The kind that came next.
    """

    rows: NDArray[np.int64]
    kind: str
    runner_up: str


def find_stages(
    side: Side,
    encoder: Encoder,
    stages: int,
    seed: int,
    model: LanguageModel | None = None,
    concerning: frozenset[tuple[str, int]] = frozenset(),
) -> list[Found]:
    """Return the stages of a side, in the order in which calls come to them.

    Args:
        side: Whose sentences.
        encoder: phi.
        stages: How many; the side must have as many different sentences.
        seed: Of the clustering.
        model: Says what kind a part is of, if given; else phrases and places decide.
        concerning: Dialogue and number of each of the customer's turns that raises a concern.

    Raises:
        SimulatorError: if the model fails.
    """
    kinds = kind_table(side.role, optional=stages >= len(kind_table(side.role, optional=True)))
    phrases, evidence = phrase_scores(side, kinds, encoder), side.evidence(concerning)
    parts = k_means(side.features, min(PARTS * stages, side.different), seed)
    shown = [
        examples(side, np.flatnonzero(parts == part), SHOWN) for part in range(int(parts.max()) + 1)
    ]
    opinions = ask_kinds(model, side.role, shown, kinds, seed) if model else []
    guessed = guess(kinds, score_clusters(parts, kinds, phrases, evidence, opinions))
    labels, of = merge(side.features, parts, guessed, stages)
    scores = score_clusters(labels, kinds, phrases, evidence)
    found = []
    for stage, kind in enumerate(of):
        others = [
            (score, name) for name, score in zip(kinds, scores[stage], strict=True) if name != kind
        ]
        found.append(Found(np.flatnonzero(labels == stage), kind, max(others)[1]))
    return sorted(found, key=lambda stage: lateness(side, stage.rows))


def lateness(side: Side, rows: NDArray[np.int64]) -> float:
    """Return how far into the call some sentences are, on average, 0 to 1."""
    return float(np.mean([side.sentences[row].late for row in rows]))


def center(side: Side, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the unit vector of what some sentences have in common."""
    mean = side.vectors[rows].mean(axis=0, dtype=np.float64)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12))


def examples(side: Side, rows: NDArray[np.int64], count: int) -> list[str]:
    """Return the most typical of some sentences that differ."""
    return typical(
        [side.sentences[row].text for row in rows], side.vectors[rows], center(side, rows), count
    )
