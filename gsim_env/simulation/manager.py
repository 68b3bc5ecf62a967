"""The Manager protocol, and the rules shared by all Managers: how a call goes on and ends."""

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gsim_env.dialogue import Outcome
from gsim_env.groups import Group
from gsim_env.models import ChatMessage
from gsim_env.profiles import CustomerProfile, StateDynamics
from gsim_env.simulation.candidate_steps import CandidateSteps, references
from gsim_env.simulation.prompts import Guidance
from gsim_env.simulation.state import CustomerState, SalesMove
from gsim_env.simulation.utterance import SanitizedUtterance
from gsim_env.sop.taxonomy import ENDING_KINDS, CustomerKind

__all__ = ["Call", "Decision", "Manager", "ending", "ending_stage"]


@dataclass(slots=True)
class Call:
    """A simulated call in progress: profile, candidate steps, customer state and history.

    A Manager reads it and updates ``state``.

    Attributes:
        group: The cohort.
        profile: The individual p.
        candidates: The steps of K_p.
        state: S_t.
        rng: The source of every random draw.
        history: System message and all utterances, as the customer model sees them; append-only by
            :meth:`add`.
        said: The utterances of ``history``, of both sides.
        shown: The reference utterances of all guidance so far.
        memory: The Manager's data for this call (for instance vectors of earlier utterances).
    """

    group: Group
    profile: CustomerProfile
    candidates: CandidateSteps
    state: CustomerState
    rng: np.random.Generator
    history: list[ChatMessage]
    said: set[str] = field(default_factory=set)
    shown: set[str] = field(default_factory=set)
    memory: list[Any] = field(default_factory=list)

    def add(self, role: str, content: str) -> None:
        """Append an utterance to the call's message history."""
        self.history.append({"role": role, "content": content})
        self.said.add(content)

    def guide(self, nearness: NDArray[np.float64], stage: str, concern: str | None) -> Guidance:
        """Return the customer model's guidance for a stage and a concern, with new references.

        Its references are chosen by ``nearness`` and new to this call.
        """
        used = self.said | self.shown
        shown = references(self.candidates, nearness, stage, concern, self.group.taxonomy, used)
        self.shown.update(shown)
        return Guidance(stage, self.state.stance(self.group.config.stances), concern, shown)

    @property
    def dynamics(self) -> StateDynamics:
        """The dynamics of the customer's archetype."""
        return self.group.config.archetypes[self.profile.archetype].dynamics

    def pick_stage(self, kind: CustomerKind) -> str:
        """Draw a random customer stage of a kind from the taxonomy."""
        names = self.group.taxonomy.stages_for(kind)
        return names[0] if len(names) == 1 else names[int(self.rng.integers(len(names)))]


@dataclass(frozen=True, slots=True)
class Decision:
    """A Manager's decision after the update of S_t: g_sop, and the outcome if the call ends."""

    guidance: Guidance
    outcome: Outcome | None


class Manager(Protocol):
    """Protocol of Managers, which update the customer's state and choose the next stage.

    Line 10 of Algorithm 1, sans-IO: ``decide`` yields requests and is sent the answers.
    """

    def decide(self, call: Call, heard: SanitizedUtterance) -> Generator[Any, Any, Decision]:
        """Update the customer's state by the sales utterance and choose the next stage."""
        ...


def ending(call: Call, move: SalesMove) -> Outcome | None:
    """Return the call's outcome if it ends after the salesperson's move, else ``None``.

    The outcome depends on the customer's state alone. Nothing that either side says can trigger a
    deal by itself. A deal needs that the salesperson asks for it while no stated concern is open,
    enough concerns are settled and interest is high enough; even then some customers hesitate.
    """
    dynamics = call.dynamics
    if move.kind == "end":
        return Outcome.SALES_ENDED

    asked = move.asks and not move.wasted and call.state.would_accept(dynamics)
    if asked and call.rng.random() < dynamics.accept_probability:
        return Outcome.ACCEPTED

    if call.state.patience <= 0.0:
        return (
            Outcome.HUNG_UP
            if call.rng.random() < dynamics.hang_up_probability
            else Outcome.DECLINED
        )
    return None


def ending_stage(call: Call, outcome: Outcome) -> str:
    """Return the SOP stage of the customer's last turn in a call that ends with ``outcome``."""
    return call.pick_stage(ENDING_KINDS.get(outcome, "hang_up"))
