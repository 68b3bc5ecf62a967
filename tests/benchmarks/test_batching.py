"""What the embedded model's words depend on besides the prompt and the seed.

The batch, and what the prompt cache holds.

The same requests of real calls, sampled as in the environment, by models that have answered nothing
else: in whole batches, again in whole batches by the same model, in batches of a quarter, and one
at a time. The shares of equal texts go into the benchmark's ``extra_info``. One thing is asserted:
a new model gives the same texts for the same batches.
"""

from dataclasses import replace

import pytest

from gsim_env.envs import TelemarketingVectorEnv
from gsim_env.models.embedded import EmbeddedConfig, EmbeddedModel
from tests.benchmarks.test_embedded import Recorder
from tests.helpers import LINES

pytestmark = pytest.mark.slow


@pytest.fixture
def batches(benchmark, group):
    """Batches of 16, of three turns; where benchmarks are disabled, one of 4."""
    calls, turns = (16, 3) if benchmark.enabled else (4, 1)
    env = TelemarketingVectorEnv(calls, autoreset_mode="Disabled", max_turns=turns + 1)
    model = Recorder(EmbeddedConfig(parallel=calls, adapter=str(group.path / "adapter")))
    env.simulator.services.models["customer"] = model
    env.reset(seed=7)
    for turn in range(turns):
        env.step(
            [f"{LINES[(turn + i) % len(LINES)]} I mean shop number {i}." for i in range(calls)]
        )
    # One seed for all, so that it makes no difference which request of a batch is the first.
    return [[replace(request, seed=0) for request in batch] for batch in model.batches]


def texts(model, batches, size):
    """Return the answers to all requests, asked for in batches of ``size``."""
    parts = [
        batch[start : start + size] for batch in batches for start in range(0, len(batch), size)
    ]
    return [completion.text for part in parts for completion in model.complete(part)]


def test_what_batches_change(benchmark, batches, group):
    whole = len(batches[0])
    config = EmbeddedConfig(parallel=whole, adapter=str(group.path / "adapter"))

    def compare():
        model = EmbeddedModel(config)
        reference = texts(model, batches, whole)
        others = {
            "another_model": texts(EmbeddedModel(config), batches, whole),
            "the_same_model_again": texts(model, batches, whole),
            "batches_of_a_quarter": texts(EmbeddedModel(config), batches, whole // 4),
            "one_at_a_time": texts(EmbeddedModel(config), batches, 1),
        }
        return {
            name: sum(a == b for a, b in zip(reference, other, strict=True)) / len(reference)
            for name, other in others.items()
        }

    shares = benchmark.pedantic(compare, rounds=1)
    benchmark.extra_info |= {"batch": whole, "batches": len(batches)}
    benchmark.extra_info |= {f"share_equal_to_{name}": share for name, share in shares.items()}
    assert shares["another_model"] == 1.0
