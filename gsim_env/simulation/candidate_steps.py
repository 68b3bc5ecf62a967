"""Steps of the retrieved chains K_p as candidates for the customer's next step."""

import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from gsim_env.groups import Group
from gsim_env.profiles import CustomerProfile
from gsim_env.simulation.state import CustomerState
from gsim_env.sop import BehaviorChain, ChainStep, Taxonomy
from gsim_env.sop.personal_terms import words
from gsim_env.sop.taxonomy import ENDING_KINDS, CustomerKind

__all__ = ["CandidateSteps", "references"]

UTTERANCE_SIMILARITY_WEIGHT = 2.0
PREVIOUS_STAGE_WEIGHT = 0.6
SALES_STAGE_WEIGHT = 0.4
PROGRESS_WEIGHT = 0.3
"""Weights of the terms of nearness, relative to each other."""

WORDS_PER_FOREIGN_TERM = 6
"""A line may hold one personal term of another customer for every this many words.

Without this allowance, only short lines remain.
"""

MAX_REFERENCES = 3
"""Maximum number of reference utterances in a guidance."""

TYPICAL_EXCHANGES = 8
"""Exchanges in which ``progress`` rises from 0 to 1 in a live call, as its length is unknown."""

NEVER_REPEATED: frozenset[CustomerKind] = frozenset({"confused", "defer", "warm"})
"""Kinds of stages that never occur twice in a row."""

IDLE_KINDS: frozenset[CustomerKind] = frozenset({"neutral", "defer"})
"""Kinds of stages that neither raise a concern nor show interest in the offer."""


@dataclass(frozen=True, slots=True, eq=False)
class CandidateSteps:
    """Steps of the retrieved behavior chains K_p as arrays: candidates for a customer's next step.

    Attributes:
        steps: The steps.
        vectors: phi of the salesperson's utterances, shape (steps, d).
        before: The customer's previous stages as numbers of ``codes``, shape (steps,), as the other
            arrays.
        sales_stages: The salesperson's stages as numbers of ``codes``.
        stages: The customer's stages as numbers of ``codes``.
        progress: The steps' positions in their calls, 0 to 1.
        codes: A number for each stage name; the empty name stands for no stage.
        at: Indices of steps by customer stage and concern.
        going_on: Whether the stage does not end the call.
        once: Whether the stage never occurs twice in a row.
        warm: Whether the stage is of kind ``warm``.
        idle: Whether the customer only asks, informs or defers.
        is_reusable: Whether this customer could say the step's utterance.
        customer_name: The customer's name.
    """

    steps: tuple[ChainStep, ...]
    vectors: NDArray[np.float32]
    before: NDArray[np.int64]
    sales_stages: NDArray[np.int64]
    stages: NDArray[np.int64]
    progress: NDArray[np.float64]
    codes: dict[str, int]
    at: dict[tuple[str, str | None], list[int]]
    going_on: NDArray[np.bool_]
    once: NDArray[np.bool_]
    warm: NDArray[np.bool_]
    idle: NDArray[np.bool_]
    is_reusable: NDArray[np.bool_]
    customer_name: str

    @classmethod
    def of(
        cls, chains: Sequence[BehaviorChain], group: Group, profile: CustomerProfile
    ) -> "CandidateSteps":
        """Return all steps of behavior chains as candidates for one customer's next step."""
        steps = tuple(chain.from_iterable(behavior.steps for behavior in chains))
        names = [(step.previous or "", step.sales_stage, step.stage) for step in steps]
        distinct = dict.fromkeys(("", *chain.from_iterable(names)))
        codes = {name: code for code, name in enumerate(distinct)}
        coded = [[codes[name] for name in triple] for triple in names]
        before, sales_stages, stages = np.array(coded).T

        at: dict[tuple[str, str | None], list[int]] = {}
        for index, step in enumerate(steps):
            at.setdefault((step.stage, step.concern), []).append(index)

        kinds = [group.taxonomy.customer[step.stage].kind for step in steps]
        profile_words = words(f"{profile.name} {profile.listing} {profile.text}")
        return cls(
            steps,
            np.concatenate([behavior.vectors for behavior in chains]),
            before,
            sales_stages,
            stages,
            np.array([step.progress for step in steps]),
            codes,
            at,
            np.array([kind not in ENDING_KINDS.values() for kind in kinds]),
            np.array([kind in NEVER_REPEATED for kind in kinds]),
            np.array([kind == "warm" for kind in kinds]),
            np.array([kind in IDLE_KINDS for kind in kinds]),
            np.array([is_reusable(step.customer, group, profile_words) for step in steps]),
            profile.name,
        )

    def nearness(
        self, state: CustomerState, sales_stage: str, said: NDArray[np.float32] | None
    ) -> NDArray[np.float64]:
        """Return how near each recorded step's situation is to the live call's, shape (steps,).

        Args:
            state: S_t.
            sales_stage: The salesperson's current stage.
            said: phi of the salesperson's utterance; ``None`` if the Manager has no encoder.

        Returns:
            Scores; a greater score is nearer.
        """
        score = PREVIOUS_STAGE_WEIGHT * (self.before == self.codes.get(state.stage or "", -1))
        score += SALES_STAGE_WEIGHT * (self.sales_stages == self.codes.get(sales_stage, -1))
        score -= PROGRESS_WEIGHT * np.abs(self.progress - min(1.0, state.turn / TYPICAL_EXCHANGES))
        if said is not None:
            score += UTTERANCE_SIMILARITY_WEIGHT * (self.vectors @ said)
        return np.asarray(score)

    def may_follow(self, state: CustomerState) -> NDArray[np.bool_]:
        """Return a mask of recorded steps that the customer's state allows next, shape (steps,).

        Endings depend on the state alone, so no step may end the call. A customer's first answer
        follows a recorded first answer, about no concern that this customer lacks. Stages of kind
        ``confused``, ``defer`` and ``warm`` never repeat, and ``warm`` needs a settled concern.
        """
        opening = self.before == 0
        if state.stage is None:
            about = [step.concern is None or step.concern in state.unsettled for step in self.steps]
            allowed = self.going_on & opening & about
        else:
            again = self.once & (self.stages == self.codes.get(state.stage, -1))
            allowed = self.going_on & ~opening & ~again
        return np.asarray(allowed if state.settled else allowed & ~self.warm)

    def nearest(
        self, nearness: NDArray[np.float64], stage: str, concern: str | None
    ) -> tuple[list[str], list[str]]:
        """Return recorded customer utterances of a stage and concern, sorted by nearness.

        Without a concern, all steps of the stage are used if each of them has one. With a concern,
        steps of other stages are used if none of this stage is reusable.

        Returns:
            The utterances that this customer could say, and the others.
        """
        indices = self.at.get((stage, concern), [])
        if not indices and concern is None:
            indices = [index for index, step in enumerate(self.steps) if step.stage == stage]
        if concern is not None and not any(self.is_reusable[index] for index in indices):
            about = [index for index, step in enumerate(self.steps) if step.concern == concern]
            indices = [index for index in about if self.going_on[index]]

        reusable: list[str] = []
        others: list[str] = []
        for index in sorted(indices, key=lambda index: -nearness[index]):
            utterances = reusable if self.is_reusable[index] else others
            utterances.append(self.steps[index].customer)
        return reusable, others


def is_reusable(line: str, group: Group, profile_words: frozenset[str]) -> bool:
    """Return whether a recorded line fits a customer: no names, few personal terms of others."""
    foreign = group.personal_terms.in_text(line) - profile_words
    return (
        not group.personal_terms.proper_nouns(line) & foreign
        and len(foreign) <= len(line.split()) // WORDS_PER_FOREIGN_TERM
    )


def references(
    candidates: CandidateSteps,
    nearness: NDArray[np.float64],
    stage: str,
    concern: str | None,
    taxonomy: Taxonomy,
    used: Collection[str],
) -> tuple[str, ...]:
    """Return one to three recorded utterances as references for the customer's guidance.

    Utterances at this stage (and about this concern) that the customer could say come first, then
    the taxonomy's examples in an order that depends on the customer, then utterances with personal
    terms of others. Utterances ``used`` in this call are left out while there are others.
    """
    reusable, others = candidates.nearest(nearness, stage, concern)
    phrases = (
        taxonomy.customer[stage].examples if concern is None else taxonomy.concerns[concern].raised
    )
    name = candidates.customer_name
    examples = sorted(phrases, key=lambda line: zlib.crc32(f"{name}: {line}".encode()))

    for lines in (reusable, examples, others):
        if fresh := [line for line in dict.fromkeys(lines) if line not in used]:
            return tuple(fresh[:MAX_REFERENCES])
    return tuple(dict.fromkeys(reusable or examples or others))[:MAX_REFERENCES]
