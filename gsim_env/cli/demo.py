"""``gsim demo``: a salesperson calls one customer of each archetype."""

from dataclasses import asdict
from typing import Annotated

import typer
from gymnasium.utils import seeding

from gsim_env.cli.options import CustomerOption, GroupOption, JsonOption, SeedOption, model_spec
from gsim_env.cli.terminal import out, print_json
from gsim_env.cli.view import call_header, exchange_view, figures_table
from gsim_env.envs.episode import Episode
from gsim_env.envs.playing import PlayedCall, play
from gsim_env.envs.rewards import Reward
from gsim_env.models.registry import parse_model
from gsim_env.simulation.config import SimulatorConfig
from gsim_env.simulation.drivers import drive
from gsim_env.simulation.salespeople import SalespersonFactory
from gsim_env.simulation.simulator import Simulator
from gsim_env.util.aio import block_on

__all__ = ["demo"]


def demo(
    group: GroupOption = "food_delivery",
    customer: CustomerOption = "embedded",
    salesperson: Annotated[
        str,
        typer.Option(
            "--salesperson",
            metavar="NAME|JSON",
            help="Who calls: scripted, pitching, outline, or settings such as "
            '\'{"policy": "llm", "model": {"backend": "openai", "model": "...", "base_url": "..."}}\'.',
        ),
    ] = "scripted",
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Watch a salesperson call one customer of each archetype.

    Beside the words stands what the simulator has in mind: stage, mood, concern, and what like
    customers said.
    """
    spec = model_spec(customer)
    simulator = Simulator(SimulatorConfig(group=group, customer=spec))
    team = SalespersonFactory(
        group, model_spec(salesperson, "--salesperson"), simulator.config.encoder_name
    )
    episode = Episode(simulator, Reward("outcome", 1.0), reveal=True)
    block_on(warm_up(episode, team, seed))
    cohort = simulator.group
    archetypes = list(cohort.config.archetypes)
    calls = []
    for number, archetype in enumerate(archetypes, start=1):

        def show(call: PlayedCall, place: str = f"{number}/{len(archetypes)}") -> None:
            out.print(
                exchange_view(call.turns[-1]) if call.turns else call_header(call.profile, place)
            )

        rng, _ = seeding.np_random(seed)
        calls.append(
            block_on(play(episode, team, rng, {"archetype": archetype}, None if as_json else show))
        )
    table = [call.figures(cohort) for call in calls]
    if not as_json:
        out.print(figures_table(table))
        return
    print_json(
        {
            "group": cohort.config.name,
            "group_digest": cohort.digest,
            "customer": parse_model(spec)[0],  # its settings may hold a key
            "salesperson": team.name,
            "seed": seed,
            "calls": [
                {
                    "profile": call.profile,
                    "outcome": call.outcome,
                    "turns": [asdict(turn) for turn in call.turns],
                }
                for call in calls
            ],
            "table": table,
        }
    )


async def warm_up(episode: Episode, team: SalespersonFactory, seed: int) -> None:
    """Load what is to be loaded now, not amid a transcript nor in the seconds of a call.

    One exchange, and a reply to it.
    """
    rng, _ = seeding.np_random(seed)
    brief, _ = await episode.reset(rng, {})
    salesperson = team.new_call(brief, rng)
    heard, *_ = await episode.step(await drive(salesperson.respond(None), team.services))
    await drive(salesperson.respond(heard), team.services)
