"""Profile extraction (section 3.1).

The implicit profile p of the customer of a raw dialogue, without a language model.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gsim_env.corpus.style_features import Speech, find_name, statements, tells_of_self
from gsim_env.dialogue import Dialogue, Turn
from gsim_env.errors import ConfigurationError, CorpusError
from gsim_env.models import Encoder
from gsim_env.profiles import Archetype, CustomerProfile
from gsim_env.sop.taxonomy import Taxonomy
from gsim_env.util.text_safety import sanitize

__all__ = [
    "LISTING",
    "SITUATION",
    "ProfileExtractor",
    "StyleExtractor",
    "describe",
    "handle",
    "heard",
]

LISTING = "a contact of whom nothing is known beforehand"
SITUATION = "did not expect to be contacted"
FACTS, PAIN_POINTS = 4, 2
TELLING = re.compile(r"\b(?:tell|answer|disclos|share)", re.IGNORECASE)
"""In the definition of a stage without a part in the sale (kind ``neutral``).

Customers tell about themselves there.
"""
BARE = frozenset(
    {"sex", "gender", "marital", "marital status"}
)  # attributes whose value speaks for itself
IDS = frozenset({"customer", "id"})  # attributes that say who somebody is to a computer


class ProfileExtractor(Protocol):
    """Infers profiles from dialogues."""

    def extract(self, dialogues: Sequence[Dialogue]) -> list[CustomerProfile]:
        """Return the profile of each dialogue's customer, in order.

        Raises:
            CorpusError: naming the dialogue, if a label of it is not the group's.
            SimulatorError: if a model fails.
        """
        ...


class StyleExtractor:
    """Extracts by labels, patterns, counts and a sentence encoder.

    What it quotes was said word for word.

    Facts and pain points are the customer's own sentences. Concerns are those that turns are
    labeled with; without such labels, those whose examples are nearest. The archetype is a guess,
    and without labels little better than chance (``results/extraction.json``): nearest by phi of
    what was said, and of the definitions of the concerns labeled (of the stages, if no concern is),
    each as it differs from the group's average.

    Args:
        archetypes: The group's (``group.config.archetypes``).
        taxonomy: The group's.
        encoder: phi.
        situation: What a customer is at when contacted, which dialogues seldom tell.
        listing: What the salesperson knows beforehand: nothing that was said, and no attribute.
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
        self._names, self._taxonomy, self._encoder = list(archetypes), taxonomy, encoder
        self._situation, self._listing = situation, listing
        raised = [
            (name, text) for name, concern in taxonomy.concerns.items() for text in concern.raised
        ]
        self._raised_names = [name for name, _ in raised]
        self._raised = encoder.encode([text for _, text in raised])
        said = encoder.encode(
            [text for stage in taxonomy.customer.values() for text in stage.examples]
        )
        self._usual = np.concatenate([self._raised, said]).mean(axis=0)
        self._concerns = _centred(
            encoder, {name: one.definition for name, one in taxonomy.concerns.items()}
        )
        self._stages = _centred(
            encoder, {name: one.definition for name, one in taxonomy.customer.items()}
        )
        self._archetypes = encoder.encode(
            [f"{name.replace('_', ' ')}: {archetypes[name].definition}" for name in archetypes]
        )

    def extract(self, dialogues: Sequence[Dialogue]) -> list[CustomerProfile]:
        """Return the profile of each dialogue's customer, in order.

        Errors as for :class:`ProfileExtractor`.
        """
        if not dialogues:
            return []
        turns = [heard(dialogue, self._taxonomy) for dialogue in dialogues]
        vectors = self._encoder.encode([turn.text for own in turns for turn in own])
        parts = np.split(vectors, np.cumsum([len(own) for own in turns])[:-1])
        return [self._profile(*of) for of in zip(dialogues, turns, parts, strict=True)]

    def _profile(
        self, dialogue: Dialogue, turns: list[Turn], vectors: NDArray[np.float32]
    ) -> CustomerProfile:
        texts = [turn.text for turn in turns]
        speech, pain_points = Speech.of(texts), self._pain_points(turns)
        return CustomerProfile(
            archetype=self._archetype(turns, vectors),
            name=find_name(texts) or handle(dialogue),
            listing=self._listing,
            description=describe(dialogue.attributes) or f"somebody {', '.join(speech.traits)}",
            facts=self._facts(turns, pain_points),
            traits=speech.traits,
            pain_points=pain_points,
            concerns=self._ranked_concerns(turns, vectors),
            style=speech.style,
            situation=self._situation,
        )

    def _archetype(self, turns: list[Turn], vectors: NDArray[np.float32]) -> str:
        difference = vectors.mean(axis=0) - self._usual
        labels = [self._concerns[turn.concern] for turn in turns if turn.concern is not None]
        labels = labels or [self._stages[turn.stage] for turn in turns if turn.stage is not None]
        if labels:
            difference = difference + np.mean(labels, axis=0)
        return self._names[int(np.argmax(self._archetypes @ difference))]

    def _ranked_concerns(self, turns: list[Turn], vectors: NDArray[np.float32]) -> tuple[str, ...]:
        labeled = [turn.concern for turn in turns if turn.concern is not None]
        if labeled:
            return _ranked(labeled)
        nearness = vectors @ self._raised.T
        raising = [index for index, turn in enumerate(turns) if self._kind(turn) == "concern"]
        if raising:
            return _ranked(self._raised_names[int(nearness[index].argmax())] for index in raising)
        return (self._raised_names[int(nearness.max(axis=0).argmax())],)

    def _facts(self, turns: list[Turn], others: tuple[str, ...]) -> tuple[str, ...]:
        """Return the sentences that tell most of the customer, in the order in which they were said."""
        said = [
            (sentence, turn)
            for turn in turns
            for sentence in statements(turn.text)
            if sentence not in others
        ]
        telling = {
            sentence: (-self._tells(turn), -tells_of_self(sentence)) for sentence, turn in said
        }
        return _best({sentence: rank for sentence, rank in telling.items() if rank[1]}, FACTS)

    def _pain_points(self, turns: list[Turn]) -> tuple[str, ...]:
        """Return the longest statements of turns that raise a concern.

        The shorter say little without what went before.
        """
        raising = [turn for turn in turns if self._kind(turn) == "concern"]
        said = [
            sentence
            for turn in raising
            for sentence in statements(turn.text)
            if sentence.count(" ") > 1
        ]
        return _best(
            {sentence: (int("?" in sentence), -len(sentence.split())) for sentence in said},
            PAIN_POINTS,
        )

    def _kind(self, turn: Turn) -> str | None:
        return None if turn.stage is None else self._taxonomy.customer[turn.stage].kind

    def _tells(self, turn: Turn) -> int:
        if turn.stage is None or self._kind(turn) != "neutral":
            return 0
        return 2 if TELLING.search(self._taxonomy.customer[turn.stage].definition) else 1


def heard(dialogue: Dialogue, taxonomy: Taxonomy) -> list[Turn]:
    """Return the customer's turns, each as one line without control tokens.

    Raises:
        CorpusError: naming the dialogue, if a stage or a concern of them is not in the taxonomy.
    """
    turns = dialogue.customer_turns()
    try:
        for turn in turns:
            taxonomy.check("customer", turn.stage, turn.concern)
    except ConfigurationError as error:
        raise CorpusError(f"Dialogue {dialogue.id!r}: {error}") from error
    return [turn.model_copy(update={"text": sanitize(turn.text) or "..."}) for turn in turns]


def handle(dialogue: Dialogue) -> str:
    """Return what to call a customer whose name is not known."""
    return f"Customer {sanitize(dialogue.id)}"


def describe(attributes: Mapping[str, str]) -> str:
    """Return attributes as one clause ("48 years old, female, employment other"), empty without any."""
    parts = []
    for key, text in attributes.items():
        name, value = sanitize(key.replace("_", " ")).lower(), sanitize(text).lower()
        if value and name not in IDS:
            parts.append(
                f"{value} years old"
                if name == "age"
                else value
                if name in BARE
                else f"{name} {value}"
            )
    return ", ".join(parts)


def _ranked(mentions: Iterable[str]) -> tuple[str, ...]:
    """Return concerns, heaviest first.

    A mention weighs 2/2, 2/3, 2/4, ...: what is said often counts, and what is first.

    The first is that of the written profile in 172 of the 198 labeled calls of ``food_delivery``
    (held-out ones included); by counts alone in 169, by first mention alone in 168.
    """
    weights: dict[str, float] = defaultdict(float)
    for place, name in enumerate(mentions):
        weights[name] += 2.0 / (2.0 + place)
    return tuple(sorted(weights, key=lambda name: -weights[name]))


def _best(found: Mapping[str, tuple[int, int]], limit: int) -> tuple[str, ...]:
    """Return the ``limit`` sentences that rank lowest, in the order in which they were found."""
    kept = set(sorted(found, key=lambda sentence: found[sentence])[:limit])
    return tuple(sentence for sentence in found if sentence in kept)


def _centred(encoder: Encoder, definitions: Mapping[str, str]) -> dict[str, NDArray[np.float32]]:
    """Return phi of each definition as it differs from their mean."""
    vectors = encoder.encode(list(definitions.values()))
    return dict(zip(definitions, vectors - vectors.mean(axis=0), strict=True))
