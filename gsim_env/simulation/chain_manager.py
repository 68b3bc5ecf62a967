"""The ``chain`` Manager.

No language model. It reads the salesperson by nearest examples and follows retrieved chains.
"""

from collections.abc import Generator

import numpy as np
from numpy.typing import NDArray

from gsim_env.dialogue import Outcome
from gsim_env.groups import Group
from gsim_env.models import Embed
from gsim_env.simulation.manager import Call, Decision, ending, ending_stage
from gsim_env.simulation.sales_classifier import SalesMoveClassifier
from gsim_env.simulation.state import SalesMove, update
from gsim_env.simulation.utterance import SanitizedUtterance
from gsim_env.sop import ChainStep

__all__ = ["ChainManager"]

SHARPNESS = 4.0
"""How strongly the nearest step of K_p is preferred when the next one is drawn.

0 would be a uniform draw.
"""


class ChainManager:
    """Deterministic given its random generator; costs one encoder call a turn.

    Each turn it (1) reads the salesperson's words by their nearest labeled examples, (2) moves the
    state by the archetype's dynamics, (3) draws the next step among those of K_p whose state is
    nearest (stage before, stage of the salesperson, what was said, place in the call), within what
    the state allows.

    Args:
        group: The cohort it directs.
        reader: Reads the salesperson's moves.
    """

    def __init__(self, group: Group, reader: SalesMoveClassifier) -> None:
        """Remember the group's stages by what they do."""
        self._taxonomy = group.taxonomy
        self._reader = reader

    def decide(
        self, call: Call, heard: SanitizedUtterance
    ) -> Generator[Embed, NDArray[np.float32], Decision]:
        """Read, update, choose; yields one ``Embed``."""
        vectors = None
        if heard.text:
            vectors = yield Embed(self._reader.texts(heard))
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
        """Return the customer's next stage and the concern it is about."""
        state, pick = call.state, call.pick_stage
        if outcome is not None:
            return ending_stage(call, outcome), None
        if move.wasted:
            return pick("confused" if state.turn <= 2 else "defer"), None
        if (
            state.stage is None
        ):  # the phone has just been picked up: whatever was said, people first answer it
            return self._follow(call, nearness)
        if (
            state.stated is not None and move.kind != "neutral"
        ):  # passed over: the customer presses it
            return pick("concern"), state.stated
        if move.asks or (state.would_accept(call.dynamics) and move.answers):
            if state.would_accept(
                call.dynamics
            ):  # convinced, but not asked yet; or asked, and hesitating
                return pick("defer" if move.asks else "warm"), None
            if state.unsettled:
                return pick("concern"), state.unsettled[0]
            # No concern is left, but it is not won yet.
            step = self._draw(
                call, nearness, call.candidates.may_follow(state) & call.candidates.idle
            )
            return (pick("defer") if step is None else step.stage), None
        return self._follow(call, nearness)

    def _draw(
        self, call: Call, nearness: NDArray[np.float64], allowed: NDArray[np.bool_]
    ) -> ChainStep | None:
        """Draw the next step among those ``allowed`` of K_p, rather the nearest.

        ``None`` if none is.
        """
        shares = (np.exp(SHARPNESS * (nearness - nearness.max())) * allowed).cumsum()
        if not shares[-1]:
            return None
        index = int(np.searchsorted(shares, call.rng.random() * shares[-1], side="right"))
        nearness[index] = np.inf  # its own words come first among the references
        return call.candidates.steps[index]

    def _follow(self, call: Call, nearness: NDArray[np.float64]) -> tuple[str, str | None]:
        """Take the next step from K_p.

        One about a concern that this customer lacks becomes one about his own.
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
