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
    """All steps of the chains in K_p as columns, laid out once a call so that each turn is a few vector operations."""

    steps: tuple[ChainStep, ...]
    vectors: NDArray[np.float32]
    before: NDArray[np.str_]
    sales_stages: NDArray[np.str_]
    progress: NDArray[np.float64]

    @classmethod
    def of(cls, chains: Sequence[BehaviourChain]) -> "Candidates":
        """Lay out the steps of ``chains``."""
        steps = tuple(step for chain in chains for step in chain.steps)
        return cls(
            steps,
            np.concatenate([chain.vectors for chain in chains]),
            np.array([step.previous or "" for step in steps]),
            np.array([step.sales_stage for step in steps]),
            np.array([step.progress for step in steps]),
        )

    def nearness(self, state: CustomerState, sales_stage: str, said: NDArray[np.float32] | None) -> NDArray[np.float64]:
        """Return how near each step's situation is to the present one, shape (steps,); greater is nearer.

        ``said`` is phi of what the salesperson just said, or ``None`` where the Manager has no encoder.
        """
        score = SAME_BEFORE * (self.before == (state.stage or "")) + SAME_SALES_STAGE * (
            self.sales_stages == sales_stage
        )
        score = score - SAME_PLACE * np.abs(self.progress - min(1.0, state.turn / TYPICAL_EXCHANGES))
        if said is not None:
            score = score + SAID_ALIKE * (self.vectors @ said)
        return np.asarray(score)


def references(
    candidates: Candidates,
    nearness: NDArray[np.float64],
    stage: str,
    concern: str | None,
    taxonomy: Taxonomy,
    said: Sequence[Message],
) -> tuple[str, ...]:
    """Return one to three utterances for the guidance: what like customers said at this stage, nearest first.

    Steps about the same concern come before others of the stage; where the chains have none, the taxonomy's own
    examples serve. What this customer has ``said`` already is left out while there is anything else.
    """
    order = np.argsort(-nearness, kind="stable")
    same = [candidates.steps[i] for i in order if candidates.steps[i].stage == stage]
    exact = [step.customer for step in same if step.concern == concern]
    examples = taxonomy.customer[stage].examples if concern is None else taxonomy.concerns[concern].raised
    others = [] if concern is not None else [step.customer for step in same]
    before = {message["content"] for message in said}
    lines = dict.fromkeys((*exact, *others, *examples))
    fresh = [line for line in lines if line not in before]
    most = max(1, min(REFERENCES, len([line for line in exact if line not in before])))
    return tuple((fresh or list(lines))[:most])
