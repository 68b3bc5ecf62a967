"""A whole call, salesperson and customer: what the command, evaluations and benchmarks play."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gsim_env.dialogue import Outcome
from gsim_env.envs.episode import Episode
from gsim_env.groups import Group
from gsim_env.simulation.drivers import drive
from gsim_env.simulation.salespeople import SalespersonSource

__all__ = ["Exchange", "PlayedCall", "play"]


@dataclass(frozen=True, slots=True)
class Exchange:
    """What the salesperson said, what the customer answered, and the hidden state behind the
    answer.

    Attributes:
        sales: The salesperson's words.
        customer: The customer's words.
        outcome: How the call ended with it; ``None`` while it goes on.
        state: The latent state S_t; ``None`` if it is not revealed.
        guidance: The Manager's guidance; ``None`` if it is not revealed.
    """

    sales: str
    customer: str
    outcome: Outcome | None
    state: dict[str, Any] | None
    guidance: dict[str, Any] | None

    @classmethod
    def of(cls, sales: str, customer: str, info: Mapping[str, Any]) -> "Exchange":
        """Return the exchange that a step of an environment came to, by its ``info``."""
        return cls(sales, customer, info["outcome"], info.get("state"), info.get("guidance"))


@dataclass(slots=True)
class PlayedCall:
    """A call with one customer, and its figures; it grows while it is played.

    Attributes:
        profile: The customer's profile.
        turns: The exchanges so far.
        seconds: How long the exchanges have taken.
    """

    profile: dict[str, Any]
    turns: list[Exchange] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def outcome(self) -> Outcome | None:
        """How the call ended; ``None`` while it goes on."""
        return self.turns[-1].outcome if self.turns else None

    def figures(self, group: Group) -> dict[str, Any]:
        """Return the call's row of a table, as plain data.

        Its stages need an episode that reveals them.
        """
        visited = {turn.guidance["stage"] for turn in self.turns if turn.guidance is not None}
        words = [len(turn.customer.split()) for turn in self.turns]
        return {
            "archetype": self.profile["archetype"],
            "outcome": self.outcome,
            "turns": len(self.turns),
            "words_per_turn": round(sum(words) / len(words), 2),
            "stages_visited": len(visited),
            "stages": len(group.taxonomy.customer),
            "sop_coverage": round(len(visited) / len(group.taxonomy.customer), 4),
            "seconds": round(self.seconds, 3),
        }


async def play(
    episode: Episode,
    team: SalespersonSource,
    rng: np.random.Generator,
    options: Mapping[str, Any] | None = None,
    watch: Callable[[PlayedCall], None] | None = None,
) -> PlayedCall:
    """Play one call to its end.

    Gather many, each with an episode of its own, and their requests go out together.

    The salesperson draws from a child of ``rng`` (``rng.spawn``), so the customer is who it would
    be whoever calls: calls of two teams with the same seed can be compared one by one.

    Args:
        episode: Whose call; it is reset.
        team: Who calls.
        rng: The source of every random draw: the same seed gives the same call.
        options: As for ``reset``.
        watch: Is shown the call as the phone is picked up, and after each exchange.

    Raises:
        ConfigurationError: if an option is not legal.
        SimulatorError: if a service fails on either side; such a call has no outcome, and is no
            result.
    """
    (own,) = rng.spawn(1)
    brief, _ = await episode.reset(rng, options)
    assert episode.profile is not None
    call = PlayedCall(episode.profile.model_dump())
    salesperson = team.new_call(brief, own)
    heard = None
    while call.outcome is None:
        if watch is not None:
            watch(call)
        start = time.perf_counter()
        said = await drive(salesperson.respond(heard), team.services)
        heard, _, _, _, info = await episode.step(said)
        call.seconds += time.perf_counter() - start
        call.turns.append(Exchange.of(said, heard, info))
    if watch is not None:
        watch(call)
    return call
