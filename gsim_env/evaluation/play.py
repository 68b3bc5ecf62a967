"""Play the calls of an evaluation and store them; resumes after an interruption."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from gsim_env.envs.episode import Episode
from gsim_env.envs.playing import play_call
from gsim_env.envs.rewards import StepReward
from gsim_env.errors import ConfigurationError, SimulatorError
from gsim_env.evaluation.methods import SimulationMethod
from gsim_env.evaluation.records import EvaluatedCall, read_calls_file
from gsim_env.models.backends.embedded import EmbeddedModel
from gsim_env.profiles import CustomerProfile
from gsim_env.simulation.config import SimulatorConfig
from gsim_env.simulation.salespeople import PolicySpec, SalespersonFactory
from gsim_env.simulation.simulator import Simulator
from gsim_env.util.aio import block_on
from gsim_env.util.files import write_jsonl
from gsim_env.util.progress import ProgressCallback, no_progress

__all__ = ["BLOCK_SIZE", "EvaluationPlan", "play_planned_calls"]

BLOCK_SIZE = 16
"""Calls played concurrently: the embedded model decodes as many in one batch."""


class EvaluationPlan(BaseModel):
    """The calls of an evaluation: methods, salespeople, customers per archetype.

    Two runs with the same plan play the same calls, if the backends are deterministic.

    Attributes:
        simulator: The settings that all methods share; each method sets ``customer`` and
            ``guidance``. Its encoder also serves the salespeople and the metrics.
        methods: The methods to compare, by name.
        salespeople: The fixed agents by name; each calls every customer of every method.
        calls: Calls to each archetype, of each method by each salesperson.
        seed: Seed of every random draw.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    simulator: SimulatorConfig
    methods: dict[str, SimulationMethod]
    salespeople: dict[str, PolicySpec]
    calls: int = Field(ge=1)
    seed: int = Field(default=0, ge=0)

    def build_simulator(self, method: SimulationMethod) -> Simulator:
        """Return the customer simulator of one method of the plan."""
        config = self.simulator.replace(
            customer=method.customer,
            guidance=method.guidance,
            encoder=self.simulator.encoder_name,
        )
        return Simulator(config)


def play_planned_calls(
    plan: EvaluationPlan,
    customers: Sequence[CustomerProfile],
    out: Path,
    progress: ProgressCallback = no_progress,
) -> list[EvaluatedCall]:
    """Simulate all calls of an evaluation plan, reuse stored ones, and return all of them.

    A call that fails in infrastructure is stored with its error and counts in no metric; the next
    run plays it again.

    Args:
        plan: The calls to play.
        customers: The customer of each call, by the call's number.
        out: Folder of the calls: one JSONL file per :data:`BLOCK_SIZE` calls, written atomically.
        progress: Reports the calls done, as step ``"play"``.

    Raises:
        ConfigurationError: if every call of a method fails, which points to its configuration.
    """
    total = len(plan.methods) * len(plan.salespeople) * len(customers)
    calls: list[EvaluatedCall] = []
    progress("play", 0, total)
    for method in plan.methods:
        method_calls: list[EvaluatedCall] = []
        for salesperson in plan.salespeople:
            for numbers in _number_blocks(len(customers)):
                file = out / method / salesperson / f"{numbers.start:05}.jsonl"
                block = _read_block(file)
                if block is None:
                    block = _play_block(plan, method, salesperson, customers, numbers)
                    file.parent.mkdir(parents=True, exist_ok=True)
                    write_jsonl(file, (call.model_dump_json() for call in block))
                method_calls += block
                progress("play", len(calls) + len(method_calls), total)

        if all(call.error for call in method_calls):
            raise ConfigurationError(
                f"Every call of the method {method!r} failed; the first error: "
                f"{method_calls[0].error}"
            )
        calls += method_calls
    return calls


def _number_blocks(n: int) -> list[range]:
    """Return the numbers of ``n`` calls in blocks of :data:`BLOCK_SIZE`."""
    return [range(start, min(start + BLOCK_SIZE, n)) for start in range(0, n, BLOCK_SIZE)]


def _read_block(file: Path) -> list[EvaluatedCall] | None:
    """Return the calls of a file; ``None`` if it is absent or has a failed call."""
    if not file.is_file():
        return None

    calls = read_calls_file(file)
    return None if any(call.error for call in calls) else calls


def _play_block(
    plan: EvaluationPlan,
    method: str,
    salesperson: str,
    customers: Sequence[CustomerProfile],
    numbers: Sequence[int],
) -> list[EvaluatedCall]:
    """Play the calls with these numbers concurrently."""
    simulator = plan.build_simulator(plan.methods[method])

    # The embedded model's last bits depend on what it decoded before. Loading it again for each
    # block makes a resumed run equal to an uninterrupted one.
    model = simulator.services.models["customer"]
    if isinstance(model, EmbeddedModel):
        model.unload()

    config = simulator.config
    salespeople = SalespersonFactory(config.group, plan.salespeople[salesperson], config.encoder)

    async def play_one(number: int) -> EvaluatedCall:
        episode = Episode(simulator, StepReward("outcome", 1.0), reveal=True)
        rng = np.random.default_rng([plan.seed, number])
        customer = customers[number]
        try:
            call = await play_call(episode, salespeople, rng, {"profile": customer})
        except SimulatorError as error:
            return EvaluatedCall.from_failure(method, salesperson, number, customer, error)
        return EvaluatedCall.from_simulation(method, salesperson, number, call)

    async def play_all() -> list[EvaluatedCall]:
        return list(await asyncio.gather(*map(play_one, numbers)))

    return block_on(play_all())
