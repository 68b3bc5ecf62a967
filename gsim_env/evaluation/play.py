"""Playing the calls of an evaluation, and keeping them.

Killed at any point, it goes on where it was, to the same calls.
"""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from gsim_env.corpus.build import write_whole
from gsim_env.envs.episode import Episode
from gsim_env.envs.playing import play
from gsim_env.envs.rewards import Reward
from gsim_env.errors import ConfigurationError, SimulatorError
from gsim_env.evaluation.methods import Method
from gsim_env.evaluation.records import EvaluatedCall
from gsim_env.models.embedded import EmbeddedModel
from gsim_env.profiles import CustomerProfile
from gsim_env.simulation.config import SimulatorConfig
from gsim_env.simulation.salespeople import PolicySpec, SalespersonFactory
from gsim_env.simulation.simulator import Simulator
from gsim_env.util.aio import block_on

__all__ = ["Plan", "play_calls"]

Progress = Callable[[str, int, int], None]
"""Is told which method's calls are being played, and how many of how many of all calls are done."""

TOGETHER = 16
"""Calls played together: what the embedded model decodes in one batch."""


class Plan(BaseModel):
    """What is to be played.

    Two runs with the same plan play the same calls, if the backends are deterministic.

    Attributes:
        group: Name or path.
        methods: By name.
        salespeople: The fixed agents by name; each calls every customer of every method.
        calls: Calls to each archetype, of each method by each salesperson.
        seed: Of every random draw.
        max_turns: Exchanges after which a call is truncated.
        encoder: The sentence encoder of simulators, salespeople and figures.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    group: str
    methods: dict[str, Method]
    salespeople: dict[str, PolicySpec]
    calls: int = Field(ge=1)
    seed: int = Field(default=0, ge=0)
    max_turns: int = Field(default=15, ge=1)
    encoder: str = "minilm"

    def simulator(self, method: Method) -> Simulator:
        """Return what simulates the customers of a method."""
        config = SimulatorConfig(
            group=self.group,
            customer=method.customer,
            encoder=self.encoder,
            max_turns=self.max_turns,
            guidance=method.guidance,
        )
        return Simulator(config)


def play_calls(
    plan: Plan, called: Sequence[CustomerProfile], out: Path, progress: Progress
) -> list[EvaluatedCall]:
    """Play every call of a plan that has not been played yet; return all.

    A call that infrastructure fails is kept with its error and is no result; it is played again the
    next time.

    Args:
        plan: What is to be played.
        called: Who is called, by number.
        out: Folder; a file for every :data:`TOGETHER` calls, which is there whole or not at all.
        progress: Told after every file.

    Raises:
        ConfigurationError: if no call of a method could be played: then it is the configuration
            that is at fault.
    """
    starts = range(0, len(called), TOGETHER)
    total = len(plan.methods) * len(plan.salespeople) * len(called)
    calls: list[EvaluatedCall] = []
    for name in plan.methods:
        progress(name, len(calls), total)
        for salesperson in plan.salespeople:
            for start in starts:
                numbers = range(start, min(start + TOGETHER, len(called)))
                file = out / name / salesperson / f"{start:05}.jsonl"
                played = read_block(file)
                if played is None:
                    played = play_block(
                        plan, name, salesperson, [(number, called[number]) for number in numbers]
                    )
                    file.parent.mkdir(parents=True, exist_ok=True)
                    write_whole(file, *(call.model_dump_json() for call in played))
                calls += played
                progress(name, len(calls), total)
        own = [call for call in calls if call.method == name]
        if all(call.error for call in own):
            raise ConfigurationError(
                f"No call of the method {name!r} could be played; the first: {own[0].error}"
            )
    return calls


def read_block(file: Path) -> list[EvaluatedCall] | None:
    """Return the calls of a file; ``None`` if there is none, or if one of its calls failed."""
    if not file.is_file():
        return None
    calls = [
        EvaluatedCall.model_validate_json(line)
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    return None if any(call.error for call in calls) else calls


def play_block(
    plan: Plan, method: str, salesperson: str, calls: Sequence[tuple[int, CustomerProfile]]
) -> list[EvaluatedCall]:
    """Play some calls together.

    What the embedded model says depends, in rare last bits, on what it has decoded before. So it is
    loaded anew for each block, which makes a block the same whether the blocks before it were
    played now or in a run that was killed.
    """
    simulator = plan.simulator(plan.methods[method])
    model = simulator.services.models["customer"]
    if isinstance(model, EmbeddedModel):
        model.unload()
    team = SalespersonFactory(plan.group, plan.salespeople[salesperson], plan.encoder)

    async def one(number: int, whom: CustomerProfile) -> EvaluatedCall:
        episode = Episode(simulator, Reward("outcome", 1.0), reveal=True)
        rng = np.random.default_rng([plan.seed, number])
        try:
            played = await play(episode, team, rng, {"profile": whom})
        except SimulatorError as error:
            return EvaluatedCall(
                method=method, salesperson=salesperson, number=number, profile=whom, turns=(), outcome=None,
                error=str(error),
            )  # fmt: skip
        return EvaluatedCall.of_played(method, salesperson, number, played)

    async def together() -> list[EvaluatedCall]:
        return list(await asyncio.gather(*(one(number, whom) for number, whom in calls)))

    return block_on(together())
