"""Profile extraction (section 3.1): the implicit profile p of a dialogue's customer."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gsim_env.corpus.style_features import Speech, find_name, self_disclosure, statements
from gsim_env.dialogue import Dialogue, Turn
from gsim_env.errors import ConfigurationError, CorpusError
from gsim_env.models import Encoder
from gsim_env.profiles import Archetype, CustomerProfile
from gsim_env.sop.taxonomy import Taxonomy
from gsim_env.util.text_safety import sanitize_text

__all__ = [
    "LISTING",
    "SITUATION",
    "ProfileExtractor",
    "StyleExtractor",
    "customer_turns",
    "describe_attributes",
    "fallback_name",
]

LISTING = "a contact of whom nothing is known beforehand"  # codespell:ignore whom
SITUATION = "did not expect to be contacted"

MAX_FACTS = 4
MAX_PAIN_POINTS = 2

DISCLOSURE = re.compile(r"\b(?:tell|answer|disclos|share)", re.IGNORECASE)
"""Marks the definition of a ``neutral`` stage at which customers tell about themselves."""

UNNAMED_ATTRIBUTES = frozenset({"sex", "gender", "marital", "marital status"})
"""Attributes whose value needs no name in a description."""

ID_ATTRIBUTES = frozenset({"customer", "id"})

Vectors = NDArray[np.float32]


class ProfileExtractor(Protocol):
    """Infers the customers' profiles from dialogues."""

    def extract(self, dialogues: Sequence[Dialogue]) -> list[CustomerProfile]:
        """Return the profile of each dialogue's customer, in order.

        Raises:
            CorpusError: naming the dialogue, if one of its labels is not in the group's taxonomy.
            SimulatorError: if a model fails.
        """
        ...


class StyleExtractor:
    """Extracts profiles by labels, patterns, counts and a sentence encoder.

    Facts and pain points are the customer's own sentences, word for word. Concerns are the labels
    of the turns; without labels, the concerns with the nearest examples. The archetype is a guess,
    and without labels it is little better than chance (``results/extraction.json``): the archetype
    nearest to the customer's words plus the definitions of the labeled concerns (of the stages, if
    no concern is labeled), each relative to the group's average.

    Args:
        archetypes: The group's archetypes (``group.config.archetypes``).
        taxonomy: The group's taxonomy.
        encoder: The sentence encoder phi.
        situation: The customer's situation when they are contacted, which dialogues seldom tell.
        listing: What the salesperson knows before the call: nothing that was said in it.
    """

    def __init__(
        self,
        archetypes: Mapping[str, Archetype],
        taxonomy: Taxonomy,
        encoder: Encoder,
        situation: str = SITUATION,
        listing: str = LISTING,
    ) -> None:
        """Embed the group's definitions and examples."""
        self._names = list(archetypes)
        self._taxonomy = taxonomy
        self._encoder = encoder
        self._situation = situation
        self._listing = listing

        # The examples of each concern, one row each.
        self._raised_names: list[str] = []
        examples: list[str] = []
        for name, concern in taxonomy.concerns.items():
            self._raised_names += [name] * len(concern.raised)
            examples += concern.raised
        self._raised = encoder.encode(examples)

        stage_examples = [stage.examples for stage in taxonomy.customer.values()]
        utterances = encoder.encode(list(chain.from_iterable(stage_examples)))
        self._average = np.concatenate([self._raised, utterances]).mean(axis=0)

        concerns = {name: concern.definition for name, concern in taxonomy.concerns.items()}
        stages = {name: stage.definition for name, stage in taxonomy.customer.items()}
        self._concerns = _centered_vectors(encoder, concerns)
        self._stages = _centered_vectors(encoder, stages)
        self._archetypes = encoder.encode(
            [
                f"{name.replace('_', ' ')}: {archetype.definition}"
                for name, archetype in archetypes.items()
            ]
        )

    def extract(self, dialogues: Sequence[Dialogue]) -> list[CustomerProfile]:
        """Return the profile of each dialogue's customer, in order.

        Errors as for :class:`ProfileExtractor`.
        """
        if not dialogues:
            return []

        turns = [customer_turns(dialogue, self._taxonomy) for dialogue in dialogues]
        texts = [turn.text for turn in chain.from_iterable(turns)]
        ends = np.cumsum([len(of_dialogue) for of_dialogue in turns])
        vectors = np.split(self._encoder.encode(texts), ends[:-1])
        return list(map(self._profile, dialogues, turns, vectors))

    def _profile(self, dialogue: Dialogue, turns: list[Turn], vectors: Vectors) -> CustomerProfile:
        texts = [turn.text for turn in turns]
        speech = Speech.of(texts)
        pain_points = self._pain_points(turns)
        attributes = describe_attributes(dialogue.attributes)

        return CustomerProfile(
            archetype=self._archetype(turns, vectors),
            name=find_name(texts) or fallback_name(dialogue),
            listing=self._listing,
            description=attributes or f"somebody {', '.join(speech.traits)}",  # codespell:ignore
            facts=self._facts(turns, pain_points),
            traits=speech.traits,
            pain_points=pain_points,
            concerns=self._ranked_concerns(turns, vectors),
            style=speech.style,
            situation=self._situation,
        )

    def _archetype(self, turns: list[Turn], vectors: Vectors) -> str:
        difference = vectors.mean(axis=0) - self._average
        labels = [self._concerns[turn.concern] for turn in turns if turn.concern is not None]
        labels = labels or [self._stages[turn.stage] for turn in turns if turn.stage is not None]
        if labels:
            difference = difference + np.mean(labels, axis=0)
        return self._names[int(np.argmax(self._archetypes @ difference))]

    def _ranked_concerns(self, turns: list[Turn], vectors: Vectors) -> tuple[str, ...]:
        labeled = [turn.concern for turn in turns if turn.concern is not None]
        if labeled:
            return _rank_concerns(labeled)

        # Without labels: the nearest example decides, at turns that raise a concern or else at all.
        similarity = vectors @ self._raised.T
        raising = [index for index, turn in enumerate(turns) if self._kind(turn) == "concern"]
        if raising:
            nearest = similarity[raising].argmax(axis=1)
            return _rank_concerns(self._raised_names[int(index)] for index in nearest)
        return (self._raised_names[int(similarity.max(axis=0).argmax())],)

    def _facts(self, turns: list[Turn], pain_points: tuple[str, ...]) -> tuple[str, ...]:
        """Return the sentences that disclose most about the customer, in their original order."""
        ranks: dict[str, tuple[int, int]] = {}
        for turn in turns:
            for sentence in statements(turn.text):
                if sentence not in pain_points:
                    ranks[sentence] = (-self._disclosure(turn), -self_disclosure(sentence))

        disclosing = {sentence: rank for sentence, rank in ranks.items() if rank[1]}
        return _best(disclosing, MAX_FACTS)

    def _pain_points(self, turns: list[Turn]) -> tuple[str, ...]:
        """Return the longest statements of turns that raise a concern.

        Shorter ones say little without the preceding turns.
        """
        raising = [turn for turn in turns if self._kind(turn) == "concern"]
        ranks: dict[str, tuple[int, int]] = {}
        for sentence in chain.from_iterable(statements(turn.text) for turn in raising):
            if sentence.count(" ") > 1:
                ranks[sentence] = (int("?" in sentence), -len(sentence.split()))
        return _best(ranks, MAX_PAIN_POINTS)

    def _kind(self, turn: Turn) -> str | None:
        return None if turn.stage is None else self._taxonomy.customer[turn.stage].kind

    def _disclosure(self, turn: Turn) -> int:
        """Return 2 at stages for telling about oneself, 1 at other neutral stages, else 0."""
        if turn.stage is None or self._kind(turn) != "neutral":
            return 0
        return 2 if DISCLOSURE.search(self._taxonomy.customer[turn.stage].definition) else 1


def customer_turns(dialogue: Dialogue, taxonomy: Taxonomy) -> list[Turn]:
    """Return the customer's turns, sanitized to one line each.

    Raises:
        CorpusError: naming the dialogue, if one of their labels is not in the taxonomy.
    """
    turns = dialogue.customer_turns()
    try:
        for turn in turns:
            taxonomy.check("customer", turn.stage, turn.concern)
    except ConfigurationError as error:
        raise CorpusError(f"Dialogue {dialogue.id!r}: {error}") from error
    return [turn.model_copy(update={"text": sanitize_text(turn.text) or "..."}) for turn in turns]


def fallback_name(dialogue: Dialogue) -> str:
    """Return the name of a customer who does not give one: the id of the dialogue."""
    return f"Customer {sanitize_text(dialogue.id)}"


def describe_attributes(attributes: Mapping[str, str]) -> str:
    """Return attributes as one clause, such as "48 years old, female, employment other"."""
    parts = []
    for key, text in attributes.items():
        name = sanitize_text(key.replace("_", " ")).lower()
        value = sanitize_text(text).lower()
        if not value or name in ID_ATTRIBUTES:
            continue

        if name == "age":
            parts.append(f"{value} years old")
        elif name in UNNAMED_ATTRIBUTES:
            parts.append(value)
        else:
            parts.append(f"{name} {value}")
    return ", ".join(parts)


def _rank_concerns(mentions: Iterable[str]) -> tuple[str, ...]:
    """Return the mentioned concerns, most important first.

    The i-th mention weighs 2 / (2 + i): frequent and early mentions count. The first concern is
    that of the written profile in 172 of the 198 labeled calls of ``food_delivery`` (held-out ones
    included); by counts alone in 169, by first mention alone in 168.
    """
    weights: dict[str, float] = defaultdict(float)
    for index, name in enumerate(mentions):
        weights[name] += 2.0 / (2.0 + index)
    return tuple(sorted(weights, key=lambda name: -weights[name]))


def _best(ranks: Mapping[str, tuple[int, int]], limit: int) -> tuple[str, ...]:
    """Return the ``limit`` sentences with the lowest rank, in their original order."""
    kept = set(sorted(ranks, key=lambda sentence: ranks[sentence])[:limit])
    return tuple(sentence for sentence in ranks if sentence in kept)


def _centered_vectors(encoder: Encoder, definitions: Mapping[str, str]) -> dict[str, Vectors]:
    """Return phi of each definition minus their mean."""
    vectors = encoder.encode(list(definitions.values()))
    return dict(zip(definitions, vectors - vectors.mean(axis=0), strict=True))
