"""A hundred seeded calls on the embedded model.

Outcomes, figures of the customers' turns, and the first five as they came out.

python -m tests.benchmarks.hundred_calls > results/hundred_calls.txt
"""

import json
import time
from collections import Counter

import gymnasium as gym
import numpy as np

import gsim_env
from gsim_env.simulation.salespeople import SalespersonFactory
from tests.deals import said

CALLS, SHOWN = 100, 5


def main() -> None:
    """Play the calls, all at once, with the scripted salesperson who answers what he hears.

    Print what came of it.
    """
    env = gym.make_vec(
        "GroupedSim-Telemarketing-v0", num_envs=CALLS, autoreset_mode="Disabled", reveal=True
    )
    group, team = env.simulator.group, SalespersonFactory("food_delivery")
    briefs, info = env.reset(seed=0)
    archetypes, descriptions = (
        list(info["profile"]["archetype"]),
        list(info["profile"]["description"]),
    )
    people = [team.new_call(brief, np.random.default_rng(i)) for i, brief in enumerate(briefs)]
    heard: list[str | None] = [None] * CALLS
    outcomes: list[str | None] = [None] * CALLS
    lines: list[list[str]] = [[] for _ in range(CALLS)]
    lengths, copied, start = [], 0, time.perf_counter()
    while None in outcomes:
        going_on = [i for i in range(CALLS) if outcomes[i] is None]
        spoken = dict(
            zip(going_on, said([people[i].respond(heard[i]) for i in going_on], team), strict=True)
        )
        words, _, terminated, truncated, info = env.step([spoken.get(i, "") for i in range(CALLS)])
        for i in range(CALLS):
            if outcomes[i] is None:
                heard[i] = words[i]
                lengths.append(len(words[i].split()))
                copied += words[i] in info["guidance"]["references"][i]
                concern = info["guidance"]["concern"][i] or ""
                lines[i] += [
                    f"S: {spoken[i]}",
                    f"C: {words[i]}    [{info['guidance']['stage'][i]} {concern}]",
                ]
                if terminated[i] or truncated[i]:
                    outcomes[i] = str(info["outcome"][i])
    seconds = time.perf_counter() - start
    figures = {
        "gsim_env": gsim_env.__version__,
        "group_sha256": group.digest,
        "seed": 0,
        "turns": len(lengths),
        "seconds": round(seconds, 1),
        "turns_per_second": round(len(lengths) / seconds, 3),
        "outcomes": Counter(outcomes),
        "by_archetype": {
            name: Counter(
                outcome for outcome, of in zip(outcomes, archetypes, strict=True) if of == name
            )
            for name in group.config.archetypes
        },
        "customer_words_per_turn": round(sum(lengths) / len(lengths), 2),
        "share_of_five_words_or_fewer": round(
            sum(length <= 5 for length in lengths) / len(lengths), 3
        ),
        "share_equal_to_a_reference": round(copied / len(lengths), 3),
    }
    print(json.dumps(figures, indent=1))
    for i in range(SHOWN):
        print(f"\n--- seed {i}: {archetypes[i]}, {descriptions[i]}: {outcomes[i]}")
        print("\n".join(lines[i]))


if __name__ == "__main__":
    main()
