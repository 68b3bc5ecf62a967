"""``gsim demo``: a salesperson calls one customer of each archetype."""

from dataclasses import asdict
from typing import Annotated, Any

import typer
from gymnasium.utils import seeding

from gsim_env.cli.options import (
    SPEC_METAVAR,
    CustomerOption,
    GroupOption,
    JsonOption,
    SeedOption,
    parse_model_option,
    parse_salesperson_option,
)
from gsim_env.cli.terminal import out, print_json
from gsim_env.cli.view import render_call_header, render_calls_table, render_exchange
from gsim_env.envs.episode import Episode
from gsim_env.envs.playing import PlayedCall, play_call
from gsim_env.envs.rewards import StepReward
from gsim_env.models.registry import parse_model_spec
from gsim_env.simulation.config import SimulatorConfig
from gsim_env.simulation.drivers import drive
from gsim_env.simulation.salespeople import SalespersonFactory
from gsim_env.simulation.simulator import Simulator
from gsim_env.util.aio import block_on

__all__ = ["show_demo_calls"]


def show_demo_calls(
    group: GroupOption = "food_delivery",
    customer: CustomerOption = "embedded",
    salesperson: Annotated[
        str,
        typer.Option(
            "--salesperson",
            metavar=SPEC_METAVAR,
            help="Salesperson: scripted, pitching, outline, a language model (openai:MODEL), a "
            "TOML file of settings (@sales.toml), or JSON "
            '(\'{"policy": "llm", "model": {"backend": "openai", "model": "..."}}\').',
        ),
    ] = "scripted",
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Watch a salesperson call one simulated customer of each archetype.

    Next to the words it shows the customer's hidden stage, mood and concern, and the retrieved
    reference utterances.
    """
    config = SimulatorConfig(group=group, customer=parse_model_option(customer))
    simulator = Simulator(config)
    factory = SalespersonFactory(group, parse_salesperson_option(salesperson), config.encoder_name)
    episode = Episode(simulator, StepReward("outcome", 1.0), reveal=True)

    block_on(_warm_up(episode, factory, seed))
    calls = _play_calls(episode, factory, seed, show=not as_json)
    if as_json:
        print_json(_demo_document(simulator, factory.name, seed, calls))
    else:
        out.print(render_calls_table([call.table_row(simulator.group) for call in calls]))


async def _warm_up(episode: Episode, factory: SalespersonFactory, seed: int) -> None:
    """Load all models by one exchange and a reply, so that loading is not part of a call."""
    rng, _ = seeding.np_random(seed)
    brief, _ = await episode.reset(rng, {})
    salesperson = factory.new_call(brief, rng)
    heard, *_ = await episode.step(await drive(salesperson.respond(None), factory.services))
    await drive(salesperson.respond(heard), factory.services)


def _play_calls(
    episode: Episode, factory: SalespersonFactory, seed: int, *, show: bool
) -> list[PlayedCall]:
    """Play one call with each archetype; print the calls if ``show`` is set."""
    archetypes = list(episode.simulator.group.config.archetypes)
    calls = []
    for number, archetype in enumerate(archetypes, start=1):
        watch = _CallPrinter(f"{number}/{len(archetypes)}") if show else None
        rng, _ = seeding.np_random(seed)
        calls.append(block_on(play_call(episode, factory, rng, {"archetype": archetype}, watch)))
    return calls


class _CallPrinter:
    """Prints the header of a call, then each exchange.

    Args:
        label: The number of the call, such as ``1/5``.
    """

    def __init__(self, label: str) -> None:
        """Store the label."""
        self._label = label

    def __call__(self, call: PlayedCall) -> None:
        """Print what is new in the call."""
        if call.turns:
            out.print(render_exchange(call.turns[-1]))
        else:
            out.print(render_call_header(call.profile, self._label))


def _demo_document(
    simulator: Simulator, salesperson: str, seed: int, calls: list[PlayedCall]
) -> dict[str, Any]:
    """Return the JSON document of the calls."""
    group = simulator.group
    return {
        "group": group.config.name,
        "group_digest": group.digest,
        # The name only: the settings may contain an API key.
        "customer": parse_model_spec(simulator.config.customer)[0],
        "salesperson": salesperson,
        "seed": seed,
        "calls": [_call_document(call) for call in calls],
        "table": [call.table_row(group) for call in calls],
    }


def _call_document(call: PlayedCall) -> dict[str, Any]:
    """Return one call as plain data."""
    return {
        "profile": call.profile,
        "outcome": call.outcome,
        "turns": [asdict(turn) for turn in call.turns],
    }
