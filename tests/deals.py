"""Deals of scripted salespeople with 200 seeded customers: the ``chain`` Manager, MiniLM, no customer model.

python -m tests.deals > results/deals.json
"""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import gsim_env
from gsim_env.envs import TelemarketingVectorEnv
from gsim_env.groups import load_group
from gsim_env.models.encoders import Remembering
from gsim_env.models.registry import build_encoder
from gsim_env.simulation.sales import ListeningSalesperson, PitchingSalesperson, Salesperson, SalesScript, concern_ear

CUSTOMERS, SEED = 200, 1000


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
        return {str(name): float(self.accepted[self.archetypes == name].mean()) for name in np.unique(self.archetypes)}


def call_all(salesperson: Callable[[], Salesperson]) -> Calls:
    """Have a salesperson each call the 200 customers."""
    env = TelemarketingVectorEnv(
        CUSTOMERS, customer="scripted", encoder="minilm", library="memory", autoreset_mode="Disabled", reveal=True
    )
    _, infos = env.reset(seed=SEED)
    archetypes = infos["profile"]["archetype"].astype(str)
    people = [salesperson() for _ in range(CUSTOMERS)]
    heard: list[str | None] = [None] * CUSTOMERS
    outcomes: list[str | None] = [None] * CUSTOMERS
    while None in outcomes:
        actions = ["" if outcomes[i] else people[i].say(heard[i]) for i in range(CUSTOMERS)]
        words, rewards, terminated, truncated, infos = env.step(actions)
        heard = list(words)
        for i in np.flatnonzero(terminated | truncated):
            outcomes[i] = str(infos["outcome"][i])
            assert (rewards[i] == 1.0) == (outcomes[i] == "accepted")
    return Calls(np.array(outcomes), archetypes)


def listening() -> Calls:
    """Call with the salesperson who hears the stated concern and answers it."""
    group, encoder = load_group("food_delivery"), Remembering(build_encoder("minilm"))
    script, ear = SalesScript.load(group), concern_ear(group, encoder)
    return call_all(lambda: ListeningSalesperson(script, ear, encoder))


def pitching() -> Calls:
    """Call with the salesperson who repeats the pitch."""
    script = SalesScript.load(load_group("food_delivery"))
    return call_all(lambda: PitchingSalesperson(script))


def main() -> None:
    """Print the figures as JSON."""
    group = load_group("food_delivery")
    figures = {"command": "python -m tests.deals", "gsim_env": gsim_env.__version__, "group_sha256": group.digest}
    figures |= {"customers": CUSTOMERS, "seed": SEED}
    for name, calls in (("listening", listening()), ("pitching", pitching())):
        figures[name] = {
            "deals": int(calls.accepted.sum()),
            "outcomes": Counter(calls.outcomes.tolist()),
            "acceptance_by_archetype": {key: round(rate, 3) for key, rate in calls.acceptance().items()},
        }
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
