"""Choosing what the customer does next from the retrieved chains K_p: the step whose state is nearest to S_t."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gsim_env.models import Message
from gsim_env.simulation.state import CustomerState
from gsim_env.sop import BehaviourChain, ChainStep, Taxonomy

__all__ = ["Candidates", "references"]

SAID_ALIKE, SAME_BEFORE, SAME_SALES_STAGE, SAME_PLACE = 2.0, 0.6, 0.4, 0.3
"""Weights of nearness: what the salesperson said, the customer's last stage, the sales stage, the place in the call."""

REFERENCES = 3
"""The most reference utterances that a guidance quotes."""

TYPICAL_EXCHANGES = 8
"""Over how many exchanges ``progress`` runs from 0 to 1 in a live call, whose length nobody knows yet."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """All steps of the chains in K_p as columns, laid out once a call so that each turn is a few vector operations.

    Attributes:
        steps: The steps.
        vectors: phi of what the salesperson said at each, shape (steps, d).
        before: The customer's stage before each, as a number of ``codes``, shape (steps,); so ``sales_stages``.
        sales_stages: The salesperson's stage at each.
        progress: The place of each in its call, 0 to 1.
        codes: A number for each stage name; the empty name stands for none.
        at: Which steps are at a customer stage about a concern (or none).
    """

    steps: tuple[ChainStep, ...]
    vectors: NDArray[np.float32]
    before: NDArray[np.int64]
    sales_stages: NDArray[np.int64]
    progress: NDArray[np.float64]
    codes: dict[str, int]
    at: dict[tuple[str, str | None], list[int]]

    @classmethod
    def of(cls, chains: Sequence[BehaviourChain]) -> "Candidates":
        """Lay out the steps of ``chains``."""
        steps = tuple(step for chain in chains for step in chain.steps)
        codes: dict[str, int] = {"": 0}
        at: dict[tuple[str, str | None], list[int]] = {}
        for index, step in enumerate(steps):
            for name in (step.previous or "", step.sales_stage):
                codes.setdefault(name, len(codes))
            at.setdefault((step.stage, step.concern), []).append(index)
        return cls(
            steps,
            np.concatenate([chain.vectors for chain in chains]),
            np.array([codes[step.previous or ""] for step in steps]),
            np.array([codes[step.sales_stage] for step in steps]),
            np.array([step.progress for step in steps]),
            codes,
            at,
        )

    def nearness(self, state: CustomerState, sales_stage: str, said: NDArray[np.float32] | None) -> NDArray[np.float64]:
        """Return how near each step's situation is to the present one, shape (steps,); greater is nearer.

        ``said`` is phi of what the salesperson just said, or ``None`` where the Manager has no encoder.
        """
        score = SAME_BEFORE * (self.before == self.codes.get(state.stage or "", -1))
        score += SAME_SALES_STAGE * (self.sales_stages == self.codes.get(sales_stage, -1))
        score -= SAME_PLACE * np.abs(self.progress - min(1.0, state.turn / TYPICAL_EXCHANGES))
        if said is not None:
            score += SAID_ALIKE * (self.vectors @ said)
        return np.asarray(score)

    def nearest(self, nearness: NDArray[np.float64], stage: str, concern: str | None) -> list[str]:
        """Return what customers said at ``stage`` about ``concern``, nearest first.

        Where no concern is asked for and none of the steps is without one, all steps of the stage serve.
        """
        found = self.at.get((stage, concern), [])
        if not found and concern is None:
            found = [index for index, step in enumerate(self.steps) if step.stage == stage]
        return [self.steps[index].customer for index in sorted(found, key=lambda index: -nearness[index])]


def references(
    candidates: Candidates,
    nearness: NDArray[np.float64],
    stage: str,
    concern: str | None,
    taxonomy: Taxonomy,
    said: Sequence[Message],
) -> tuple[str, ...]:
    """Return one to three utterances for the guidance: what like customers said at this stage, nearest first.

    A concern asks for steps about that concern; where the chains have none, the taxonomy's own examples serve. What this
    customer has ``said`` already is left out while there is anything else.
    """
    before = {message["content"] for message in said}
    recorded = candidates.nearest(nearness, stage, concern)
    fresh = [line for line in recorded if line not in before]
    if not fresh:
        examples = taxonomy.customer[stage].examples if concern is None else taxonomy.concerns[concern].raised
        fresh = [line for line in examples if line not in before][:1] or recorded or list(examples)
    return tuple(dict.fromkeys(fresh))[:REFERENCES]
