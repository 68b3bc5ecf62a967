"""Throughput of verl's agent loop ``gsim_sales`` with up to 512 concurrent calls.

The customer answers after 50 ms and the policy at once, so the rest is the work of this project and
verl. Each run alternates with a bare event loop with the same number of tasks, which sleep as often
and as long. ``efficiency`` is the time of waiting alone divided by ours; goal: 0.9.
``milliseconds_a_turn`` is CPU time.
"""

import asyncio

import pytest
from omegaconf import OmegaConf

from gsim_env.models.registry import BACKENDS
from tests.benchmarks.timing import Stopwatch, interleaved
from tests.verl_plugins.conftest import composed, tokenizer  # noqa: F401 - a fixture

# isort: split
from verl.experimental.agent_loop.agent_loop import (
    DictConfigWrap,
)  # after conftest, which keeps verl's import quiet
from verl.utils.dataset.rl_dataset import RLHFDataset
from verl.workers.rollout.replica import TokenOutput

from verl_plugins.agent_loops.sales import SalesAgentLoop

WAIT = 0.05
SAY = "Hello, this is Li from QuickEats. What worries you most about delivery?<|im_end|>"


@pytest.mark.slow
@pytest.mark.parametrize("calls", [64, 512])
def test_concurrent_sales_calls(benchmark, monkeypatch, tokenizer, calls) -> None:  # noqa: F811
    monkeypatch.setitem(BACKENDS, "latency", "gsim_env.testing:LatencyConfig")
    turns = 12 if benchmark.enabled else 2
    config = composed(
        "sales_grpo",
        "cpu_smoke",
        "actor_rollout_ref.model.path=none",
        "data.max_response_length=4096",
        f"gsim.customer={{backend: latency, mean: {WAIT}}}",
        f"gsim.manager={{backend: latency, mean: {WAIT}}}",
        "gsim.encoder=hashing",
        "gsim.library=memory",
        f"gsim.max_turns={turns}",
        "gsim.turn_tokens=64",
    )
    OmegaConf.resolve(config)  # as the trainer does
    said = tokenizer(SAY, add_special_tokens=False)["input_ids"]

    class Policy:
        """A policy that always returns the same tokens, without delay."""

        async def generate(self, **_):
            return TokenOutput(token_ids=said, log_probs=[-1.0] * len(said), extra_fields={})

    async def one(seed: int) -> int:
        loop = SalesAgentLoop(
            DictConfigWrap(config),
            Policy(),
            tokenizer,
            None,
            RLHFDataset,
            DictConfigWrap(config.data),
            hf_model_type="llama",
        )
        output = await loop.run({}, extra_info={"index": seed, "seed": seed})
        return len(output.extra_fields["turn_scores"])

    async def all_of_them() -> Stopwatch:
        await one(0)  # loads the models
        with Stopwatch() as watch:
            played = await asyncio.gather(*map(one, range(calls)))
        assert played == [turns] * calls
        return watch

    async def sleep() -> None:
        for _ in range(2 * turns):
            await asyncio.sleep(WAIT)

    async def bare() -> Stopwatch:
        with Stopwatch() as watch:
            await asyncio.gather(*(sleep() for _ in range(calls)))
        return watch

    (wall, cpu), (bare_wall, _) = interleaved(
        benchmark, lambda: asyncio.run(all_of_them()), lambda: asyncio.run(bare())
    )
    ideal = turns * 2 * WAIT
    benchmark.extra_info |= {
        "calls_per_second": calls / wall,
        "efficiency": ideal / wall,
        "efficiency_of_bare_loop": ideal / bare_wall,
        "milliseconds_a_turn": 1000 * cpu / (calls * turns),
    }
    assert wall < 100 * ideal
