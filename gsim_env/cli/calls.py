"""A call as the command plays it: exchange by exchange, with what the environment reveals of the customer."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from gsim_env.dialogue import Outcome
from gsim_env.envs import TelemarketingEnv
from gsim_env.groups import Group
from gsim_env.simulation.sales import Salesperson

__all__ = ["Exchange", "PlayedCall", "play"]


@dataclass(frozen=True, slots=True)
class Exchange:
    """What the salesperson said, what the customer answered, and the hidden state behind the answer.

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
    def step(cls, env: TelemarketingEnv, words: str) -> "Exchange":
        """Say ``words`` in the call of ``env``."""
        answer, _, _, _, info = env.step(words)
        return cls(words, answer, info["outcome"], info.get("state"), info.get("guidance"))


@dataclass(slots=True)
class PlayedCall:
    """A call with one customer, and its figures; it grows while it is played.

    Attributes:
        profile: The customer's profile.
        turns: The exchanges so far.
        seconds: How long the call has taken, loading left out.
    """

    profile: dict[str, Any]
    turns: list[Exchange] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def outcome(self) -> Outcome | None:
        """How the call ended; ``None`` while it goes on."""
        return self.turns[-1].outcome if self.turns else None

    def figures(self, group: Group) -> dict[str, Any]:
        """Return the call's row of the table, as plain data."""
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


def play(env: TelemarketingEnv, call: PlayedCall, salesperson: Salesperson) -> Iterator[Exchange]:
    """Play a call that ``env`` has just begun to its end, yielding each exchange as it happens.

    Args:
        env: Made with ``reveal=True`` and reset.
        call: Its record, which grows.
        salesperson: Who calls.
    """
    answer = None
    while call.outcome is None:
        start = time.perf_counter()
        exchange = Exchange.step(env, salesperson.say(answer))
        call.seconds += time.perf_counter() - start
        call.turns.append(exchange)
        yield exchange
        answer = exchange.customer
