"""The latent state S_t of a customer, and its update by a salesperson's move."""

from dataclasses import dataclass, field

import numpy as np

from gsim_env.groups.bundle import StanceInstructions
from gsim_env.profiles import CustomerProfile, StateDynamics
from gsim_env.sop.taxonomy import SalesKind

__all__ = ["CustomerState", "SalesMove", "init_state", "update"]

LONG_UTTERANCE_WORDS = 60
"""Words of an utterance above which it costs extra patience."""


@dataclass(frozen=True, slots=True)
class SalesMove:
    """The effect of a salesperson's utterance, as classified by a Manager.

    Attributes:
        kind: The kind of its SOP stage.
        stage: The stage's name.
        answers: The concerns that it may answer.
        asks: Whether it asks for the commitment (possibly after an answer).
        wasted: Whether it is silence, noise or a repetition: it gains nothing.
        words: Its length in words.
    """

    kind: SalesKind
    stage: str
    answers: frozenset[str] = frozenset()
    asks: bool = False
    wasted: bool = False
    words: int = 0


@dataclass(slots=True)
class CustomerState:
    """A customer's latent state S_t: interest, trust and patience in [0, 1], concerns, stage.

    Attributes:
        interest: Interest in the offer.
        trust: Trust in the caller.
        patience: At 0 the customer ends the call.
        unsettled: Concerns not yet settled, most important first.
        settled: Concerns stated and answered, in that order.
        stated: The concern that the customer stated last and that is not answered yet.
        stage: The customer's last SOP stage; ``None`` before the first answer.
        turn: Number of completed exchanges.
    """

    interest: float
    trust: float
    patience: float
    unsettled: list[str]
    settled: list[str] = field(default_factory=list)
    stated: str | None = None
    stage: str | None = None
    turn: int = 0

    def copy(self) -> "CustomerState":
        """Return a deep copy of the customer's state."""
        return CustomerState(
            self.interest,
            self.trust,
            self.patience,
            list(self.unsettled),
            list(self.settled),
            self.stated,
            self.stage,
            self.turn,
        )

    def settle(self) -> None:
        """Mark the concern that the customer stated last as settled."""
        if self.stated is not None:
            self.settled.append(self.stated)
            if self.stated in self.unsettled:
                self.unsettled.remove(self.stated)
            self.stated = None

    def potential(self) -> float:
        """Return the potential Phi(S_t) of the customer's state, in [0, 1], for reward shaping.

        Weights: 0.5 share of settled concerns, 0.3 interest, 0.2 trust.
        """
        share = len(self.settled) / (len(self.settled) + len(self.unsettled))
        return 0.5 * share + 0.3 * self.interest + 0.2 * self.trust

    def stance(self, stances: StanceInstructions) -> str:
        """Return the customer's mood as a phrase from the group's settings.

        Impatience and suspicion come before interest.
        """
        if self.patience < 0.2:
            return stances.impatient
        if self.trust < 0.25:
            return stances.suspicious
        if self.interest < 0.3:
            return stances.cold
        return stances.warm if self.interest > 0.6 else stances.guarded

    def would_accept(self, dynamics: StateDynamics) -> bool:
        """Return whether the customer may accept the offer if asked now.

        No stated concern is open, enough concerns are settled, and interest is high enough.
        """
        concerns = len(self.settled) + len(self.unsettled)
        return (
            self.stated is None
            and len(self.settled) >= min(dynamics.concerns_to_settle, concerns)
            and self.interest >= dynamics.accept_interest
        )


def init_state(
    profile: CustomerProfile, dynamics: StateDynamics, rng: np.random.Generator
) -> CustomerState:
    """Draw a customer's initial state S_0: the archetype's means plus a random shift.

    Line 4 of Algorithm 1; the shift is at most the archetype's spread.
    """
    shifts = rng.uniform(-dynamics.spread, dynamics.spread, size=3)
    interest, trust, patience = (
        _level(mean + shift)
        for mean, shift in zip(
            (dynamics.interest, dynamics.trust, dynamics.patience), shifts, strict=True
        )
    )
    return CustomerState(interest, trust, patience, list(profile.concerns))


def update(state: CustomerState, move: SalesMove, dynamics: StateDynamics) -> None:
    """Update a customer's interest, trust, patience and concerns by the salesperson's move.

    Only an answer to the concern that the customer stated last settles it; other answers count as a
    pitch. Repetitions, noise and silence gain nothing and cost patience.
    """
    cost = dynamics.turn_cost
    if move.words > LONG_UTTERANCE_WORDS:
        cost += dynamics.turn_cost * (move.words / LONG_UTTERANCE_WORDS)

    if move.wasted:
        cost += dynamics.repeat_cost
        state.trust = _level(state.trust - dynamics.repeat_cost / 2)
    elif state.stated in move.answers:
        state.settle()
        state.interest = _level(state.interest + dynamics.answer_gain)
        state.trust = _level(state.trust + dynamics.answer_gain)
        cost /= 2
    elif state.stated is not None and move.kind != "neutral":
        cost += dynamics.ignored_cost
        state.interest = _level(state.interest - dynamics.ignored_cost / 2)
        state.trust = _level(state.trust - dynamics.ignored_cost / 2)
    elif move.kind in ("inform", "answer"):
        state.interest = _level(state.interest + dynamics.pitch_gain)

    state.patience = _level(state.patience - cost)
    state.turn += 1


def _level(value: float) -> float:
    return min(1.0, max(0.0, float(value)))
