"""Mining the taxonomy of a new domain from its dialogues.

Stages of both sides, and concerns with what answered them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from gsim_env.corpus.mining.concerns import answers_to, find_concerns
from gsim_env.corpus.mining.llm_naming import Naming, ask_names
from gsim_env.corpus.mining.naming import free_name, key_words, typical
from gsim_env.corpus.mining.sentences import Side, read_sides, sample
from gsim_env.corpus.mining.stage_kinds import kind_table, phrase_scores
from gsim_env.corpus.mining.stages import FEWEST, Found, center, examples, find_stages, lateness
from gsim_env.dialogue import Dialogue, Role
from gsim_env.errors import ConfigurationError, CorpusError
from gsim_env.models import Encoder, LanguageModel
from gsim_env.simulation.llm_manager import NO_CONCERN
from gsim_env.sop.taxonomy import Taxonomy

__all__ = ["Mined", "mine"]

EXAMPLES = 5
LINES = 3
"""Lines of the scripted salesperson for each thing that he does.

The last ones asks for the deal with.
"""


@dataclass(frozen=True)
class Mined:
    """What was mined.

    Attributes:
        taxonomy: The stages in the order in which calls come to them, the concerns by how frequent
            they are.
        notes: For a person who edits it: how big and how late each is, and how sure its kind, by
            section of the file.
        script: Lines of the scripted salesperson: opening, discovery, pitch, close.
        calls: How many dialogues were looked at.
    """

    taxonomy: Taxonomy
    notes: dict[str, str]
    script: dict[str, tuple[str, ...]]
    calls: int


def mine(
    dialogues: Iterable[Dialogue],
    encoder: Encoder,
    *,
    stages: int = 9,
    concerns: int = 8,
    model: LanguageModel | None = None,
    seed: int = 0,
) -> Mined:
    """Propose a taxonomy for the domain that some dialogues are of.

    The sentences of each side are clustered by what they say, where in the call, and what they
    reply to. A cluster's kind is a guess by ``kinds.toml``; every example is a sentence that was
    said.

    Args:
        dialogues: At most a thousand are drawn from them; mask personal data first
            (:mod:`gsim_env.corpus.masking`), for examples are quoted.
        encoder: phi.
        stages: How many a side, at least six: there are so many kinds that a side cannot do
            without.
        concerns: How many at most, at least one.
        model: Gives kinds, names and definitions, if given; any backend that can answer within a
            JSON schema.
        seed: The same one gives the same taxonomy.

    Raises:
        ConfigurationError: if a number is out of range.
        CorpusError: if the dialogues hold too few different sentences.
        SimulatorError: if the model fails, or fits the schema in none of three tries.
    """
    if stages < FEWEST or concerns < 1:
        raise ConfigurationError(
            f"stages must be at least {FEWEST} and concerns at least 1, got {stages} and {concerns}."
        )
    found = sample(dialogues, seed)
    for role in get_args(Role):
        different = len({sentence.text for sentence in found if sentence.role == role})
        if different < stages:
            raise CorpusError(
                f"The {role} side has {different} different sentences, too few for {stages} stages. Give more dialogues."
            )
    sides = read_sides(found, encoder)
    customer, sales = sides["customer"], sides["sales"]
    heard = find_stages(customer, encoder, stages, seed, model)
    raising = _rows(heard, "concern")
    turns = frozenset(
        (customer.sentences[row].call, customer.sentences[row].turn) for row in raising
    )
    said = find_stages(sales, encoder, stages, seed, model, turns)
    sounding = phrase_scores(customer, kind_table("customer", optional=True), encoder)["concern"]
    raised = find_concerns(customer, raising, sounding, concerns, seed)

    taxonomy: dict[str, dict[str, object]] = {"sales": {}, "customer": {}, "concerns": {}}
    notes: dict[str, str] = {}
    for side, of in ((sales, said), (customer, heard)):
        for naming, stage in zip(
            _named(side, [stage.rows for stage in of], model, seed), of, strict=True
        ):
            shown = examples(side, stage.rows, EXAMPLES)
            taxonomy[side.role][naming.name] = {
                "kind": stage.kind,
                "definition": naming.definition,
                "examples": shown,
            }
            notes[f"{side.role}.{naming.name}"] = (
                f"{_size(side, stage.rows)}; kind: next best {stage.runner_up}"
            )
    usual, answering = center(customer, raising), _rows(said, "answer", "inform")
    for naming, rows in zip(
        _named(customer, raised, model, seed, concern=True), raised, strict=True
    ):
        answers = answers_to(customer, rows, sales, answering, usual)
        shown = examples(customer, rows, EXAMPLES)
        taxonomy["concerns"][naming.name] = {
            "definition": naming.definition,
            "raised": shown,
            "answers": answers,
        }
        notes[f"concerns.{naming.name}"] = _size(customer, rows)
    calls = len({sentence.call for sentence in found})
    return Mined(
        Taxonomy.model_validate({"version": 1, **taxonomy}), notes, _script(sales, said), calls
    )


def _rows(stages: Sequence[Found], *kinds: str) -> NDArray[np.int64]:
    return np.sort(np.concatenate([stage.rows for stage in stages if stage.kind in kinds]))


def _size(side: Side, rows: NDArray[np.int64]) -> str:
    share = len(rows) / len(side.sentences)
    return f"{len(rows)} sentences, {share:.0%} of this side's, on average {lateness(side, rows):.0%} into the call"


def _named(
    side: Side,
    groups: Sequence[NDArray[np.int64]],
    model: LanguageModel | None,
    seed: int,
    *,
    concern: bool = False,
) -> list[Naming]:
    """Return a name and a definition for each group of sentences of a side."""
    if model is not None:
        what = (
            "a concern that keeps customers from agreeing"
            if concern
            else f"one stage of the {side.role} side"
        )
        return ask_names(
            model, what, [examples(side, rows, 2 * EXAMPLES) for rows in groups], {NO_CONCERN}, seed
        )
    texts = [[side.sentences[row].text for row in rows] for rows in groups]
    medoids = [
        typical(own, side.vectors[rows], center(side, rows), 1)[0]
        for own, rows in zip(texts, groups, strict=True)
    ]
    taken, named = {NO_CONCERN}, []
    for medoid, words in zip(medoids, key_words(medoids, texts), strict=True):
        name = free_name(words, medoid, taken)
        taken.add(name)
        named.append(Naming(name, f"mined, says things like: {medoid}"))
    return named


def _script(sales: Side, stages: Sequence[Found]) -> dict[str, tuple[str, ...]]:
    """Return lines for the scripted salesperson.

    Questions where he finds out and closes, else statements.
    """
    script = {}
    for part, kind, asks in (
        ("opening", "open", None),
        ("discovery", "neutral", True),
        ("pitch", "inform", False),
        ("close", "ask", True),
    ):
        rows = _rows(stages, kind)
        fitting = rows[[asks is None or sales.sentences[row].asks == asks for row in rows]]
        script[part] = tuple(examples(sales, fitting if len(fitting) else rows, LINES))
    return script
