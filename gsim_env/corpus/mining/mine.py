"""Taxonomy mining: stages of both sides and concerns with their answers, from raw dialogues."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from gsim_env.corpus.mining.concerns import cluster_concerns, typical_answers
from gsim_env.corpus.mining.llm_naming import Naming, ask_names
from gsim_env.corpus.mining.naming import key_words, typical_texts, unique_name
from gsim_env.corpus.mining.sentences import (
    Sentence,
    SideFeatures,
    sample_sentences,
    side_features,
)
from gsim_env.corpus.mining.stage_kinds import kind_table, phrase_scores
from gsim_env.corpus.mining.stages import (
    MIN_STAGES,
    Rows,
    StageCluster,
    centroid,
    cluster_stages,
    mean_position,
    typical_sentences,
)
from gsim_env.dialogue import Dialogue, Role
from gsim_env.errors import ConfigurationError, CorpusError
from gsim_env.models import Encoder, LanguageModel
from gsim_env.simulation.llm_manager import NO_CONCERN
from gsim_env.sop.taxonomy import Taxonomy

__all__ = ["MinedTaxonomy", "mine"]

EXAMPLES = 5
"""Examples of each stage and concern."""

SCRIPT_LINES = 3
"""Lines of the scripted salesperson per part of the script."""

SCRIPT_PARTS = (
    ("opening", "open", None),
    ("discovery", "neutral", True),
    ("pitch", "inform", False),
    ("close", "ask", True),
)
"""Part of the script, kind of stage, and whether its lines are questions (``None``: either)."""


@dataclass(frozen=True)
class MinedTaxonomy:
    """A mined taxonomy, for a person to edit.

    Attributes:
        taxonomy: The stages by their position in the call, the concerns by frequency.
        notes: Size, position and uncertainty of each entry, by its section of the file, such as
            ``"sales.greeting"``.
        script: Lines of the scripted salesperson: opening, discovery, pitch, close.
        calls: Number of dialogues in the sample.
    """

    taxonomy: Taxonomy
    notes: dict[str, str]
    script: dict[str, tuple[str, ...]]
    calls: int


@dataclass(frozen=True, eq=False)
class _Clusters:
    """Stages and concerns without names."""

    customer: SideFeatures
    sales: SideFeatures
    customer_stages: list[StageCluster]
    sales_stages: list[StageCluster]
    concerns: list[Rows]


class _Namer:
    """Names clusters by a language model, or else by key words."""

    def __init__(self, model: LanguageModel | None, seed: int) -> None:
        self._model = model
        self._seed = seed

    def names(self, side: SideFeatures, clusters: Sequence[Rows], subject: str) -> list[Naming]:
        """Return a name and a definition of each cluster; ``subject`` says what a cluster is."""
        if self._model is None:
            return _names_by_key_words(side, clusters)
        shown = [typical_sentences(side, rows, 2 * EXAMPLES) for rows in clusters]
        return ask_names(self._model, subject, shown, {NO_CONCERN}, self._seed)


def mine(
    dialogues: Iterable[Dialogue],
    encoder: Encoder,
    *,
    stages: int = 9,
    concerns: int = 8,
    model: LanguageModel | None = None,
    seed: int = 0,
) -> MinedTaxonomy:
    """Draft a taxonomy for the domain of some dialogues.

    The sentences of each side are clustered by meaning, position in the call and previous turn. The
    kind of a cluster is an estimate (``stage_kinds.toml``); every example is a sentence from the
    dialogues.

    Args:
        dialogues: A sample of at most 1,000 is used. Mask personal data first
            (:mod:`gsim_env.corpus.masking`), because examples are quoted.
        encoder: The sentence encoder phi.
        stages: Number of stages per side, at least 6: one for each required kind.
        concerns: Maximum number of concerns, at least 1.
        model: Chooses kinds, names and definitions, if given; any backend that supports JSON
            schemas.
        seed: Seed of the sample and the clustering; the same seed gives the same taxonomy.

    Raises:
        ConfigurationError: if a number is out of range.
        CorpusError: if the dialogues have too few different sentences.
        SimulatorError: if the model fails, or no answer is legal in three tries.
    """
    if stages < MIN_STAGES or concerns < 1:
        raise ConfigurationError(
            f"stages must be at least {MIN_STAGES} and concerns at least 1, got {stages} and "
            f"{concerns}."
        )

    sample = sample_sentences(dialogues, seed)
    check_variety(sample, stages)
    clusters = _cluster(sample, encoder, stages, concerns, model, seed)

    namer = _Namer(model, seed)
    notes: dict[str, str] = {}
    sections = {
        "sales": _stage_section(clusters.sales, clusters.sales_stages, namer, notes),
        "customer": _stage_section(clusters.customer, clusters.customer_stages, namer, notes),
        "concerns": _concern_section(clusters, namer, notes),
    }
    return MinedTaxonomy(
        taxonomy=Taxonomy.model_validate({"version": 1, **sections}),
        notes=notes,
        script=_script(clusters.sales, clusters.sales_stages),
        calls=len({sentence.call for sentence in sample}),
    )


def check_variety(sample: Sequence[Sentence], stages: int) -> None:
    """Check that each side has as many different sentences as stages.

    Raises:
        CorpusError: if it has not.
    """
    for role in get_args(Role):
        distinct = len({sentence.text for sentence in sample if sentence.role == role})
        if distinct < stages:
            raise CorpusError(
                f"The {role} side has {distinct} different sentences, too few for {stages} stages. "
                "Give more dialogues."
            )


def _cluster(
    sample: Sequence[Sentence],
    encoder: Encoder,
    stages: int,
    concerns: int,
    model: LanguageModel | None,
    seed: int,
) -> _Clusters:
    sides = side_features(sample, encoder)
    customer = sides["customer"]
    sales = sides["sales"]

    # The customer's stages first: what follows a concern is evidence for the sales stages.
    customer_stages = cluster_stages(customer, encoder, stages, seed, model)
    raising = _rows_of_kind(customer_stages, "concern")
    sentences = [customer.sentences[row] for row in raising]
    turns = frozenset((sentence.call, sentence.turn) for sentence in sentences)
    sales_stages = cluster_stages(sales, encoder, stages, seed, model, turns)

    scores = phrase_scores(customer, kind_table("customer", optional=True), encoder)["concern"]
    concern_rows = cluster_concerns(customer, raising, scores, concerns, seed)
    return _Clusters(customer, sales, customer_stages, sales_stages, concern_rows)


def _stage_section(
    side: SideFeatures, stages: Sequence[StageCluster], namer: _Namer, notes: dict[str, str]
) -> dict[str, Any]:
    """Return the stages of one side as in ``taxonomy.toml``, and add a note on each."""
    namings = namer.names(
        side, [stage.rows for stage in stages], f"one stage of the {side.role} side"
    )

    section = {}
    for naming, stage in zip(namings, stages, strict=True):
        section[naming.name] = {
            "kind": stage.kind,
            "definition": naming.definition,
            "examples": typical_sentences(side, stage.rows, EXAMPLES),
        }
        note = f"{_size(side, stage.rows)}; kind: next best {stage.runner_up}"
        notes[f"{side.role}.{naming.name}"] = note
    return section


def _concern_section(clusters: _Clusters, namer: _Namer, notes: dict[str, str]) -> dict[str, Any]:
    """Return the concerns as in ``taxonomy.toml``, and add a note on each."""
    customer = clusters.customer
    subject = "a concern that keeps customers from agreeing"
    namings = namer.names(customer, clusters.concerns, subject)
    average = centroid(customer, _rows_of_kind(clusters.customer_stages, "concern"))
    answering = _rows_of_kind(clusters.sales_stages, "answer", "inform")

    section = {}
    for naming, rows in zip(namings, clusters.concerns, strict=True):
        section[naming.name] = {
            "definition": naming.definition,
            "raised": typical_sentences(customer, rows, EXAMPLES),
            "answers": typical_answers(customer, rows, clusters.sales, answering, average),
        }
        notes[f"concerns.{naming.name}"] = _size(customer, rows)
    return section


def _rows_of_kind(stages: Sequence[StageCluster], *kinds: str) -> Rows:
    return np.sort(np.concatenate([stage.rows for stage in stages if stage.kind in kinds]))


def _size(side: SideFeatures, rows: Rows) -> str:
    share = len(rows) / len(side.sentences)
    position = mean_position(side, rows)
    size = f"{len(rows)} sentences, {share:.0%} of this side's"
    return f"{size}, on average {position:.0%} into the call"


def _names_by_key_words(side: SideFeatures, clusters: Sequence[Rows]) -> list[Naming]:
    texts = [side.texts(rows) for rows in clusters]
    medoids = [
        typical_texts(members, side.vectors[rows], centroid(side, rows), 1)[0]
        for members, rows in zip(texts, clusters, strict=True)
    ]

    taken = {NO_CONCERN}
    namings = []
    for medoid, words in zip(medoids, key_words(medoids, texts), strict=True):
        name = unique_name(words, medoid, taken)
        taken.add(name)
        namings.append(Naming(name, f"mined, says things like: {medoid}"))
    return namings


def _script(sales: SideFeatures, stages: Sequence[StageCluster]) -> dict[str, tuple[str, ...]]:
    """Return lines of the scripted salesperson for each part of the script."""
    script = {}
    for part, kind, asks in SCRIPT_PARTS:
        rows = _rows_of_kind(stages, kind)
        if asks is not None:
            fitting = rows[[sales.sentences[row].is_question == asks for row in rows]]
            rows = fitting if len(fitting) else rows
        script[part] = tuple(typical_sentences(sales, rows, SCRIPT_LINES))
    return script
