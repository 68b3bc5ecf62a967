"""Calls of a sales policy to 200 seeded customers, stepped as one batch.

The ``chain`` Manager, MiniLM, no customer model.
"""

import asyncio
from dataclasses import dataclass

import numpy as np

from gsim_env.envs import TelemarketingVectorEnv
from gsim_env.simulation.drivers import drive
from gsim_env.simulation.salespeople import SalespersonFactory, SalespersonSource
from gsim_env.util.aio import block_on

__all__ = ["CUSTOMERS", "SEED", "Calls", "call_all", "call_by", "respond_all"]

CUSTOMERS, SEED = 200, 1000


@dataclass(frozen=True)
class Calls:
    """Results of the calls: outcomes and archetypes of the customers, shape (200,)."""

    outcomes: np.ndarray
    archetypes: np.ndarray

    @property
    def accepted(self) -> np.ndarray:
        return self.outcomes == "accepted"

    def acceptance(self) -> dict[str, float]:
        """Return the share of accepted calls per archetype."""
        return {
            str(name): float(self.accepted[self.archetypes == name].mean())
            for name in np.unique(self.archetypes)
        }


def call_all(factory: SalespersonSource) -> Calls:
    """Call all 200 customers as one batch, so that embedding batches never vary."""
    env = TelemarketingVectorEnv(
        CUSTOMERS,
        customer="scripted",
        encoder="minilm",
        library="memory",
        autoreset_mode="Disabled",
        reveal=True,
    )
    briefs, infos = env.reset(seed=SEED)
    archetypes = infos["profile"]["archetype"].astype(str)
    salespeople = [
        factory.new_call(brief, np.random.default_rng(SEED + i)) for i, brief in enumerate(briefs)
    ]
    replies: list[str | None] = [None] * CUSTOMERS
    outcomes: list[str | None] = [None] * CUSTOMERS

    while None in outcomes:
        # Ended calls are masked: their action is ignored.
        open_calls = [i for i in range(CUSTOMERS) if outcomes[i] is None]
        responses = [salespeople[i].respond(replies[i]) for i in open_calls]
        actions = [""] * CUSTOMERS
        for i, utterance in zip(open_calls, respond_all(responses, factory), strict=True):
            actions[i] = utterance

        observations, rewards, terminated, truncated, infos = env.step(actions)
        replies = list(observations)
        for i in np.flatnonzero(terminated | truncated):
            outcomes[i] = str(infos["outcome"][i])
            assert (rewards[i] == 1.0) == (outcomes[i] == "accepted")

    return Calls(np.array(outcomes), archetypes)


def respond_all(responses: list, factory: SalespersonSource) -> list[str]:
    """Return the next utterance of each salesperson, computed concurrently."""

    async def gather() -> list[str]:
        return await asyncio.gather(*(drive(response, factory.services) for response in responses))

    return block_on(gather())


def call_by(policy: str) -> Calls:
    """Call all customers with one of the built-in sales policies."""
    return call_all(SalespersonFactory("food_delivery", policy))
