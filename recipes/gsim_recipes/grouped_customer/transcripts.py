"""The first calls of a group as they were played, unedited.

The customers that ``env.reset(seed=0)``, 1, 2 ... give.

    python -m gsim_recipes.grouped_customer.transcripts --out
    results/grouped_customer/food_delivery/calls.md

The scripted salesperson calls; the embedded customer answers. One call at a time, so the same
machine gives the same words.
"""

import argparse
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from gymnasium.utils import seeding
from tqdm import tqdm

from gsim_env.envs.episode import Episode
from gsim_env.envs.playing import PlayedCall, play
from gsim_env.envs.rewards import Reward
from gsim_env.simulation.config import SimulatorConfig
from gsim_env.simulation.salespeople import SalespersonFactory
from gsim_env.simulation.simulator import Simulator
from gsim_env.util.aio import block_on


def main() -> None:
    """Parse the command line, play the calls, write them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--group", default="food_delivery", help="a built-in group, or the folder of your own"
    )
    parser.add_argument("--seeds", type=int, default=5, help="how many calls, from seed 0")
    parser.add_argument("--out", type=Path, required=True, help="a Markdown file")
    args = parser.parse_args()
    simulator = Simulator(SimulatorConfig(group=args.group))
    team = SalespersonFactory(args.group, "scripted", simulator.config.encoder_name)
    episode = Episode(simulator, Reward("outcome", 1.0), reveal=False)
    calls = [
        block_on(play(episode, team, seeding.np_random(seed)[0]))
        for seed in tqdm(range(args.seeds), unit="call")
    ]
    command = shlex.join(
        ["python", "-m", "gsim_recipes.grouped_customer.transcripts", *sys.argv[1:]]
    )
    head = f"`{command}`, group {simulator.group.digest[:12]}, unedited"
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(
        "\n\n".join([head, *(text for call in enumerate(calls) for text in lines(*call))]) + "\n"
    )


def lines(seed: int, call: PlayedCall) -> Iterator[str]:
    """Yield a call's paragraphs: whom it is to, the words, how it ended."""
    yield f"## Seed {seed}: {call.profile['listing']} ({call.profile['archetype'].replace('_', ' ')})"
    for turn in call.turns:
        yield f"Salesperson: {turn.sales}"
        yield f"**Customer**: {turn.customer}"
    yield f"*{str(call.outcome).replace('_', ' ')}*"


if __name__ == "__main__":
    main()
