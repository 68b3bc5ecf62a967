"""Choosing what the customer does next from the retrieved chains K_p.

The step whose state is nearest to S_t.
"""

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

SAID_ALIKE, SAME_BEFORE, SAME_SALES_STAGE, SAME_PLACE = 2.0, 0.6, 0.4, 0.3
"""Weights of nearness.

What the salesperson said, the customer's last stage, the sales stage, the place in the call.
"""

WORDS_TO_ONE = 6
"""So many words of a line carry one that is somebody else's own, if it is no name. With none
allowed, the lines that are left are too short."""

REFERENCES = 3
"""The most reference utterances that a guidance quotes."""

TYPICAL_EXCHANGES = 8
"""Over how many exchanges ``progress`` runs from 0 to 1 in a live call, whose length nobody knows yet."""


ONCE: frozenset[CustomerKind] = frozenset({"confused", "defer", "warm"})
"""Kinds of stages that nobody is at twice in a row."""

IDLE: frozenset[CustomerKind] = frozenset({"neutral", "defer"})
"""Kinds of stages that neither raise a concern nor warm to the offer."""


@dataclass(frozen=True, slots=True, eq=False)
class CandidateSteps:
    """All steps of the chains in K_p as columns, laid out once a call so that each turn is a few
    vector operations.

    Attributes:
        steps: The steps.
        vectors: phi of what the salesperson said at each, shape (steps, d).
        before: The customer's stage before each, as a number of ``codes``, shape (steps,); so the
            next two.
        sales_stages: The salesperson's stage at each.
        stages: The customer's stage at each.
        progress: The place of each in its call, 0 to 1.
        codes: A number for each stage name; the empty name stands for none.
        at: Which steps are at a customer stage about a concern (or none).
        going_on: Which steps are at a stage that does not end the call.
        once: Which are at a stage that nobody is at twice in a row.
        warm: Which are at a stage of kind ``warm``.
        idle: At which the customer only asks, tells or puts off.
        portable: What was said at which this customer could say as well.
        whose: The customer's name.
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
        """Lay out the steps of ``chains`` for a customer of ``group``."""
        steps = tuple(step for behavior in chains for step in behavior.steps)
        names = [(step.previous or "", step.sales_stage, step.stage) for step in steps]
        codes = {
            name: code for code, name in enumerate(dict.fromkeys(("", *chain.from_iterable(names))))
        }
        before, sales_stages, stages = np.array(
            [[codes[name] for name in three] for three in names]
        ).T
        at: dict[tuple[str, str | None], list[int]] = {}
        for index, step in enumerate(steps):
            at.setdefault((step.stage, step.concern), []).append(index)
        kinds = [group.taxonomy.customer[step.stage].kind for step in steps]
        own = words(f"{profile.name} {profile.listing} {profile.text}")
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
            np.array([kind in ONCE for kind in kinds]),
            np.array([kind == "warm" for kind in kinds]),
            np.array([kind in IDLE for kind in kinds]),
            np.array([is_reusable(step.customer, group, own) for step in steps]),
            profile.name,
        )

    def nearness(
        self, state: CustomerState, sales_stage: str, said: NDArray[np.float32] | None
    ) -> NDArray[np.float64]:
        """Return how near each step's situation is to the present one, shape (steps,).

        Greater is nearer.

        ``said`` is phi of what the salesperson just said, or ``None`` where the Manager has no
        encoder.
        """
        score = SAME_BEFORE * (self.before == self.codes.get(state.stage or "", -1))
        score += SAME_SALES_STAGE * (self.sales_stages == self.codes.get(sales_stage, -1))
        score -= SAME_PLACE * np.abs(self.progress - min(1.0, state.turn / TYPICAL_EXCHANGES))
        if said is not None:
            score += SAID_ALIKE * (self.vectors @ said)
        return np.asarray(score)

    def may_follow(self, state: CustomerState) -> NDArray[np.bool_]:
        """Return which steps S_t allows next, shape (steps,).

        Endings come from the state alone; first answers are given to first utterances, and are not
        about a concern that this customer lacks; nobody mishears, puts off or warms twice in a row,
        nor warms to nothing.
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
        """Return what customers said at ``stage`` about ``concern``.

        What this customer could say too, and the rest.

        Both are nearest first. Where no concern is asked for and none of the steps is without one,
        all steps of the stage serve; where nothing portable is said about a concern at this stage,
        what is said about it at others does.
        """
        found = self.at.get((stage, concern), [])
        if not found and concern is None:
            found = [index for index, step in enumerate(self.steps) if step.stage == stage]
        if concern is not None and not any(self.is_reusable[index] for index in found):
            found = [
                i
                for i, step in enumerate(self.steps)
                if step.concern == concern and self.going_on[i]
            ]
        found = sorted(found, key=lambda index: -nearness[index])
        sayable = [self.steps[index].customer for index in found if self.is_reusable[index]]
        return sayable, [
            self.steps[index].customer for index in found if not self.is_reusable[index]
        ]


def is_reusable(line: str, group: Group, own: frozenset[str]) -> bool:
    """Return whether a customer of these ``own`` words could say ``line``.

    It names nobody and has little of another's life.
    """
    foreign = group.personal_terms.in_text(line) - own
    return (
        not group.personal_terms.proper_nouns(line) & foreign
        and len(foreign) <= len(line.split()) // WORDS_TO_ONE
    )


def references(
    candidates: CandidateSteps,
    nearness: NDArray[np.float64],
    stage: str,
    concern: str | None,
    taxonomy: Taxonomy,
    used: Collection[str],
) -> tuple[str, ...]:
    """Return one to three utterances for the guidance.

    What like customers said at this stage, nearest first.

    A concern asks for steps about that concern. Where the chains have none that this customer could
    say, the taxonomy's own examples serve, in an order that each customer has for itself, and only
    after them what is about another's life. What was ``used`` in this call already, said or shown,
    is left out while there is anything else.
    """
    sayable, others = candidates.nearest(nearness, stage, concern)
    said = (
        taxonomy.customer[stage].examples if concern is None else taxonomy.concerns[concern].raised
    )
    examples = sorted(
        said, key=lambda line: zlib.crc32(f"{candidates.customer_name}: {line}".encode())
    )
    for lines in (sayable, examples, others):
        if fresh := [line for line in dict.fromkeys(lines) if line not in used]:
            return tuple(fresh[:REFERENCES])
    return tuple(dict.fromkeys(sayable or examples or others))[:REFERENCES]
