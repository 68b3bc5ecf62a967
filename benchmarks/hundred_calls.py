"""A hundred seeded calls on the embedded model: outcomes, turn statistics and five transcripts.

python -m benchmarks.hundred_calls > results/hundred_calls.txt
"""

import json
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import gymnasium as gym
import numpy as np

import gsim_env
from gsim_env.simulation.salespeople import SalespersonFactory
from tests.helpers.sales_calls import respond_all

CALLS, SHOWN, SEED = 100, 5, 0


@dataclass
class Call:
    """One call as it is played.

    Attributes:
        salesperson: The scripted policy, which answers the customer's concerns.
        archetype: The customer's archetype.
        description: One line about the customer.
        lines: The transcript, with the guidance's stage and concern per customer turn.
        lengths: Words per customer turn.
        copied: Customer turns that equal a reference utterance of the guidance.
        reply: The customer's last utterance.
        outcome: How the call ended.
    """

    salesperson: Any
    archetype: str
    description: str
    lines: list[str] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    copied: int = 0
    reply: str | None = None
    outcome: str | None = None

    def record(self, sales: str, customer: str, guidance: dict[str, Any]) -> None:
        """Append one exchange to the transcript and the statistics."""
        self.reply = customer
        self.lengths.append(len(customer.split()))
        self.copied += customer in guidance["references"]
        label = f"{guidance['stage']} {guidance['concern'] or ''}"
        self.lines += [f"S: {sales}", f"C: {customer}    [{label}]"]


def play(env: Any) -> tuple[list[Call], float]:
    """Play all calls as one batch; return them and the seconds after the reset."""
    factory = SalespersonFactory("food_delivery")
    briefs, info = env.reset(seed=SEED)
    calls = [
        Call(
            factory.new_call(brief, np.random.default_rng(i)),
            info["profile"]["archetype"][i],
            info["profile"]["description"][i],
        )
        for i, brief in enumerate(briefs)
    ]

    # The reset loads the model, so the clock starts after it.
    start = time.perf_counter()
    while open_calls := [i for i in range(CALLS) if calls[i].outcome is None]:
        responses = [calls[i].salesperson.respond(calls[i].reply) for i in open_calls]
        utterances = dict(zip(open_calls, respond_all(responses, factory), strict=True))
        actions = [utterances.get(i, "") for i in range(CALLS)]
        replies, _, terminated, truncated, info = env.step(actions)

        for i in open_calls:
            guidance = {name: values[i] for name, values in info["guidance"].items()}
            calls[i].record(utterances[i], replies[i], guidance)
            if terminated[i] or truncated[i]:
                calls[i].outcome = str(info["outcome"][i])
    return calls, time.perf_counter() - start


def summarize(calls: list[Call], archetypes: list[str], seconds: float) -> dict[str, Any]:
    """Return the outcomes and the statistics of the customer's turns."""
    lengths = list(chain.from_iterable(call.lengths for call in calls))
    outcomes: dict[str, Counter[str | None]] = defaultdict(Counter)
    for call in calls:
        outcomes[call.archetype][call.outcome] += 1

    short = sum(length <= 5 for length in lengths)
    copied = sum(call.copied for call in calls)
    return {
        "turns": len(lengths),
        "seconds": round(seconds, 1),
        "turns_per_second": round(len(lengths) / seconds, 3),
        "outcomes": Counter(call.outcome for call in calls),
        "by_archetype": {name: outcomes[name] for name in archetypes},
        "customer_words_per_turn": round(sum(lengths) / len(lengths), 2),
        "share_of_five_words_or_fewer": round(short / len(lengths), 3),
        "share_equal_to_a_reference": round(copied / len(lengths), 3),
    }


def main() -> None:
    """Play the calls, and print the statistics and the first transcripts."""
    env = gym.make_vec(
        "GroupedSim-Telemarketing-v0", num_envs=CALLS, autoreset_mode="Disabled", reveal=True
    )
    group = env.simulator.group
    calls, seconds = play(env)

    head = {"gsim_env": gsim_env.__version__, "group_sha256": group.digest, "seed": SEED}
    statistics = summarize(calls, list(group.config.archetypes), seconds)
    print(json.dumps({**head, **statistics}, indent=1))
    for i, call in enumerate(calls[:SHOWN]):
        print(f"\n--- seed {i}: {call.archetype}, {call.description}: {call.outcome}")
        print("\n".join(call.lines))


if __name__ == "__main__":
    main()
