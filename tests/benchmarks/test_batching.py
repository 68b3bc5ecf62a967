"""Effect of batch size and prompt cache on the embedded model's texts.

The same requests, sampled as in the environment, are answered by fresh models: in whole batches, in
whole batches again by the same model, in quarter batches, and one at a time. The shares of equal
texts go into the benchmark's ``extra_info``. The test asserts that a fresh model gives the same
texts for the same batches.
"""

from dataclasses import replace

import pytest

from gsim_env.envs import TelemarketingVectorEnv
from gsim_env.models.backends.embedded import Config as EmbeddedConfig
from gsim_env.models.backends.embedded import EmbeddedModel
from tests.benchmarks.test_embedded import Recorder
from tests.helpers import LINES

pytestmark = pytest.mark.slow


@pytest.fixture
def batches(benchmark, group):
    """Three batches of 16 requests, or one of 4 if benchmarks are disabled."""
    calls, turns = (16, 3) if benchmark.enabled else (4, 1)
    env = TelemarketingVectorEnv(calls, autoreset_mode="Disabled", max_turns=turns + 1)
    model = Recorder(EmbeddedConfig(parallel=calls, adapter=str(group.path / "adapter")))
    env.simulator.services.models["customer"] = model
    env.reset(seed=7)
    for turn in range(turns):
        env.step(
            [f"{LINES[(turn + i) % len(LINES)]} I mean shop number {i}." for i in range(calls)]
        )
    # A batch samples with the seed of its first request; one seed for all makes order irrelevant.
    return [[replace(request, seed=0) for request in batch] for batch in model.batches]


def texts(model, batches, size):
    """Return the answers to all requests, computed in batches of ``size``."""
    answers = []
    for batch in batches:
        for start in range(0, len(batch), size):
            completions = model.complete_batch(batch[start : start + size])
            answers += [completion.text for completion in completions]
    return answers


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
