"""Deals of the fixed salespeople with 200 seeded customers.

The ``chain`` Manager, MiniLM, no customer model.

python -m tests.deals > results/deals.json
"""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass

import numpy as np

import gsim_env
from gsim_env.envs import TelemarketingVectorEnv
from gsim_env.groups import load_group
from gsim_env.simulation.drivers import drive
from gsim_env.simulation.salespeople import SalespersonFactory, SalespersonSource
from gsim_env.util.aio import block_on

CUSTOMERS, SEED = 200, 1000
POLICIES = ("scripted", "pitching", "outline")


@dataclass(frozen=True)
class Calls:
    """What came of the calls: outcomes and archetypes of the customers, shape (200,)."""

    outcomes: np.ndarray
    archetypes: np.ndarray

    @property
    def accepted(self) -> np.ndarray:
        return self.outcomes == "accepted"

    def acceptance(self) -> dict[str, float]:
        """Return the share of calls accepted by archetype."""
        return {
            str(name): float(self.accepted[self.archetypes == name].mean())
            for name in np.unique(self.archetypes)
        }


def call_all(team: SalespersonSource) -> Calls:
    """Have a team call the 200 customers, all of them in step.

    What is embedded together is always the same.
    """
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
    people = [
        team.new_call(brief, np.random.default_rng(SEED + i)) for i, brief in enumerate(briefs)
    ]
    heard: list[str | None] = [None] * CUSTOMERS
    outcomes: list[str | None] = [None] * CUSTOMERS
    while None in outcomes:
        going_on = [i for i in range(CUSTOMERS) if outcomes[i] is None]
        actions = [""] * CUSTOMERS
        for i, words in zip(
            going_on, said([people[i].respond(heard[i]) for i in going_on], team), strict=True
        ):
            actions[i] = words
        words, rewards, terminated, truncated, infos = env.step(actions)
        heard = list(words)
        for i in np.flatnonzero(terminated | truncated):
            outcomes[i] = str(infos["outcome"][i])
            assert (rewards[i] == 1.0) == (outcomes[i] == "accepted")
    return Calls(np.array(outcomes), archetypes)


def said(sayings: list, team: SalespersonSource) -> list[str]:
    """Return what salespeople of one team say, all at once."""

    async def together() -> list[str]:
        return await asyncio.gather(*(drive(saying, team.services) for saying in sayings))

    return block_on(together())


def call_by(policy: str) -> Calls:
    """Have salespeople of a policy call."""
    return call_all(SalespersonFactory("food_delivery", policy))


def main() -> None:
    """Print the figures as JSON."""
    group = load_group("food_delivery")
    figures = {
        "command": "python -m tests.deals",
        "gsim_env": gsim_env.__version__,
        "group_sha256": group.digest,
    }
    figures |= {"customers": CUSTOMERS, "seed": SEED}
    for policy in POLICIES:
        calls = call_by(policy)
        figures[policy] = {
            "deals": int(calls.accepted.sum()),
            "outcomes": Counter(calls.outcomes.tolist()),
            "acceptance_by_archetype": {
                key: round(rate, 3) for key, rate in calls.acceptance().items()
            },
        }
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
