"""The ``chain`` Manager: follows retrieved behavior chains, without a language model."""

from collections.abc import Generator

import numpy as np
from numpy.typing import NDArray

from gsim_env.dialogue import Outcome
from gsim_env.groups import Group
from gsim_env.models import EmbeddingRequest
from gsim_env.simulation.manager import Call, Decision, ending, ending_stage
from gsim_env.simulation.sales_classifier import SalesMoveClassifier
from gsim_env.simulation.state import SalesMove, update
from gsim_env.simulation.utterance import SanitizedUtterance
from gsim_env.sop import ChainStep

__all__ = ["ChainManager"]

INVERSE_TEMPERATURE = 4.0
"""Inverse temperature of the draw of the next step by nearness; 0 is a uniform draw."""


class ChainManager:
    """Manager that directs the customer by retrieved behavior chains, without a language model.

    Each turn it (1) classifies the salesperson's move, (2) updates the state by the archetype's
    dynamics, (3) draws the next step by nearness among the steps that the state allows. It needs
    one encoder call per turn.

    Args:
        group: The cohort of the customers.
        reader: Classifies the salesperson's moves.
    """

    def __init__(self, group: Group, reader: SalesMoveClassifier) -> None:
        """Store the taxonomy and the classifier."""
        self._taxonomy = group.taxonomy
        self._reader = reader

    def decide(
        self, call: Call, heard: SanitizedUtterance
    ) -> Generator[EmbeddingRequest, NDArray[np.float32], Decision]:
        """Classify the sales utterance, update the customer's state, choose its next stage."""
        vectors = None
        if heard.text:
            vectors = yield EmbeddingRequest(self._reader.texts(heard))

        move = self._reader.read(heard, vectors, call.memory)
        update(call.state, move, call.dynamics)

        outcome = ending(call, move)
        said = None if vectors is None else vectors[0]
        nearness = call.candidates.nearness(call.state, move.stage, said)
        stage, concern = self._next(call, move, outcome, nearness)

        call.state.stage = stage
        if concern is not None:
            call.state.stated = concern
        return Decision(call.guide(nearness, stage, concern), outcome)

    def _next(
        self, call: Call, move: SalesMove, outcome: Outcome | None, nearness: NDArray[np.float64]
    ) -> tuple[str, str | None]:
        """Return the customer's next stage and its concern."""
        state, pick = call.state, call.pick_stage
        if outcome is not None:
            return ending_stage(call, outcome), None

        if move.wasted:
            return pick("confused" if state.turn <= 2 else "defer"), None
        # The first answer of the call follows recorded first answers, whatever was said.
        if state.stage is None:
            return self._follow(call, nearness)

        # The salesperson ignored the stated concern: the customer repeats it.
        if state.stated is not None and move.kind != "neutral":
            return pick("concern"), state.stated

        if move.asks or (state.would_accept(call.dynamics) and move.answers):
            # Convinced but not asked yet, or asked and hesitating.
            if state.would_accept(call.dynamics):
                return pick("defer" if move.asks else "warm"), None
            if state.unsettled:
                return pick("concern"), state.unsettled[0]
            # No concern is left, but the customer is not convinced.
            allowed = call.candidates.may_follow(state) & call.candidates.idle
            step = self._draw(call, nearness, allowed)
            return (pick("defer") if step is None else step.stage), None

        return self._follow(call, nearness)

    def _draw(
        self, call: Call, nearness: NDArray[np.float64], allowed: NDArray[np.bool_]
    ) -> ChainStep | None:
        """Draw the next step by nearness among ``allowed`` steps; ``None`` if none is allowed."""
        shares = (np.exp(INVERSE_TEMPERATURE * (nearness - nearness.max())) * allowed).cumsum()
        if not shares[-1]:
            return None
        index = int(np.searchsorted(shares, call.rng.random() * shares[-1], side="right"))
        nearness[index] = np.inf  # its utterance becomes the first reference
        return call.candidates.steps[index]

    def _follow(self, call: Call, nearness: NDArray[np.float64]) -> tuple[str, str | None]:
        """Return the stage and concern of the next step of K_p.

        A concern that this customer lacks is replaced by an unsettled one of theirs.
        """
        state = call.state
        step = self._draw(call, nearness, call.candidates.may_follow(state))
        if step is None:
            return call.pick_stage("neutral"), None

        concern = step.concern
        if concern is None and self._taxonomy.customer[step.stage].kind != "concern":
            return step.stage, None

        if concern not in state.unsettled:
            concern = state.unsettled[0] if state.unsettled else None
        return (step.stage, concern) if concern is not None else (call.pick_stage("warm"), None)
