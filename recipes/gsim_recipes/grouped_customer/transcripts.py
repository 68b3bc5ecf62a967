"""Unedited transcripts of simulated calls to a group's customers, as Markdown.

python -m gsim_recipes.grouped_customer.transcripts --out calls.md
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from gymnasium.utils import seeding
from tqdm import tqdm

from gsim_env.envs.episode import Episode
from gsim_env.envs.playing import PlayedCall, play_call
from gsim_env.envs.rewards import StepReward
from gsim_env.simulation.config import SimulatorConfig
from gsim_env.simulation.salespeople import SalespersonFactory
from gsim_env.simulation.simulator import Simulator
from gsim_env.util.aio import block_on
from gsim_env.util.files import write_atomically
from gsim_recipes.command_line import current_shell_command


def main(
    out: Annotated[Path, typer.Option(help="Markdown file to write.")],
    group: Annotated[
        str, typer.Option(help="Built-in group, or your group's folder.")
    ] = "food_delivery",
    seeds: Annotated[int, typer.Option(help="Number of calls; seeds start at 0.")] = 5,
) -> None:
    """Write transcripts of simulated calls to the customers of env.reset(seed=0), 1, 2, ...

    The scripted salesperson calls the embedded customer. Calls are simulated one at a time, so that
    the same machine gives the same words.
    """
    simulator = Simulator(SimulatorConfig(group=group))
    salespeople = SalespersonFactory(group, "scripted", simulator.config.encoder_name)
    episode = Episode(simulator, StepReward("outcome", 1.0), reveal=False)

    command = current_shell_command("gsim_recipes.grouped_customer.transcripts")
    paragraphs = [f"`{command}`, group {simulator.group.digest[:12]}, unedited"]
    for seed in tqdm(range(seeds), unit="call"):
        rng, _ = seeding.np_random(seed)
        call = block_on(play_call(episode, salespeople, rng))
        paragraphs += _call_paragraphs(seed, call)

    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, "\n\n".join(paragraphs) + "\n")


def _call_paragraphs(seed: int, call: PlayedCall) -> Iterator[str]:
    """Yield the Markdown paragraphs of a call: the customer, the turns, the outcome."""
    archetype = call.profile["archetype"].replace("_", " ")
    yield f"## Seed {seed}: {call.profile['listing']} ({archetype})"
    for turn in call.turns:
        yield f"Salesperson: {turn.sales}"
        yield f"**Customer**: {turn.customer}"
    yield f"*{str(call.outcome).replace('_', ' ')}*"


if __name__ == "__main__":
    typer.run(main)
