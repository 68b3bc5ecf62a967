"""Play a whole call between a salesperson and a simulated customer."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from gsim_env.dialogue import Outcome
from gsim_env.envs.episode import Episode
from gsim_env.groups import Group
from gsim_env.simulation.drivers import drive
from gsim_env.simulation.salespeople import SalespersonSource

__all__ = ["Exchange", "PlayedCall", "play_call"]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One salesperson utterance of a call and the customer's answer to it.

    Attributes:
        sales: The salesperson's utterance.
        customer: The customer's answer.
        outcome: How this exchange ended the call; ``None`` while it goes on.
        state: The latent state S_t behind the answer; ``None`` if it is not revealed.
        guidance: The Manager's guidance; ``None`` if it is not revealed.
    """

    sales: str
    customer: str
    outcome: Outcome | None
    state: dict[str, Any] | None
    guidance: dict[str, Any] | None

    @classmethod
    def from_step(cls, sales: str, customer: str, info: Mapping[str, Any]) -> Self:
        """Return the exchange from an environment step's utterance, answer and ``info``."""
        return cls(sales, customer, info["outcome"], info.get("state"), info.get("guidance"))


@dataclass(slots=True)
class PlayedCall:
    """Record of a call with one simulated customer; it grows while the call is played.

    Attributes:
        profile: The customer's profile.
        turns: The exchanges so far.
        seconds: Duration of the exchanges so far.
    """

    profile: dict[str, Any]
    turns: list[Exchange] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def outcome(self) -> Outcome | None:
        """How the call ended; ``None`` while it is in progress."""
        return self.turns[-1].outcome if self.turns else None

    def table_row(self, group: Group) -> dict[str, Any]:
        """Return the call's row of the results table: outcome, turns, coverage and duration.

        The stages need an episode that reveals guidance.
        """
        visited = {turn.guidance["stage"] for turn in self.turns if turn.guidance is not None}
        words = [len(turn.customer.split()) for turn in self.turns]
        stages = len(group.taxonomy.customer)
        return {
            "archetype": self.profile["archetype"],
            "outcome": self.outcome,
            "turns": len(self.turns),
            "words_per_turn": round(sum(words) / len(words), 2),
            "stages_visited": len(visited),
            "stages": stages,
            "sop_coverage": round(len(visited) / stages, 4),
            "seconds": round(self.seconds, 3),
        }


async def play_call(
    episode: Episode,
    salespeople: SalespersonSource,
    rng: np.random.Generator,
    options: Mapping[str, Any] | None = None,
    watch: Callable[[PlayedCall], None] | None = None,
) -> PlayedCall:
    """Play one call between a salesperson and a simulated customer to its end.

    Await several with ``asyncio.gather``, each with its own episode, to batch their requests. The
    salesperson draws from a child of ``rng`` (``rng.spawn``), so the customer does not depend on
    the salesperson: calls of two salespeople with the same seed can be compared pairwise.

    Args:
        episode: The episode; it is reset.
        salespeople: Makes the salesperson.
        rng: The source of every random draw: the same seed gives the same call.
        options: As for ``reset``.
        watch: Called with the call at its start, and after each exchange.

    Raises:
        ConfigurationError: if an option is not legal.
        SimulatorError: if a service fails on either side; the call has no outcome.
    """
    (sales_rng,) = rng.spawn(1)
    brief, _ = await episode.reset(rng, options)
    assert episode.profile is not None
    call = PlayedCall(episode.profile.model_dump())
    salesperson = salespeople.new_call(brief, sales_rng)

    answer = None
    while call.outcome is None:
        if watch is not None:
            watch(call)
        start = time.perf_counter()
        utterance = await drive(salesperson.respond(answer), salespeople.services)
        answer, _, _, _, info = await episode.step(utterance)
        call.seconds += time.perf_counter() - start
        call.turns.append(Exchange.from_step(utterance, answer, info))

    if watch is not None:
        watch(call)
    return call
