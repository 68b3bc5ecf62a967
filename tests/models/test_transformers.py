"""The transformers backend on the real base model, saved as a transformers folder."""

import asyncio

import pytest
from gsim_recipes.embedded_lora.stack import stack_loras

from gsim_env.models import CompletionRequest, SamplingParams
from gsim_env.models.backends.transformers import Config as TransformersConfig
from gsim_env.models.weights import pull_base_model

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
SAMPLING = SamplingParams(temperature=0.9, top_p=0.95, repetition_penalty=1.05, max_tokens=12)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from gsim_env.models.export import export_gguf_as_transformers

    folder = tmp_path_factory.mktemp("smollm2")
    export_gguf_as_transformers(pull_base_model(), folder)
    return folder


def request(text, seed, sampling=SAMPLING):
    return CompletionRequest("customer", [{"role": "user", "content": text}], sampling, seed)


def test_answers_are_seeded_batched_and_leave_global_state_alone(folder):
    import torch

    async def ask(requests):
        return [answer.text for answer in await asyncio.gather(*map(model.acomplete, requests))]

    model = TransformersConfig(model=str(folder), dtype="float32", max_batch=4).build()
    torch.manual_seed(0)
    state = torch.get_rng_state()
    requests = [request("Who is calling?", 1), request("Who is calling?", 2), request("Hello?", 1)]
    first = asyncio.run(ask(requests))
    assert asyncio.run(ask(requests)) == first
    assert first[0] != first[1]
    assert torch.equal(torch.get_rng_state(), state)
    greedy = SAMPLING.model_copy(update={"temperature": 0.0})
    same = asyncio.run(ask([request("The capital of France is", seed, greedy) for seed in (1, 2)]))
    assert same[0] == same[1]


def test_a_call_on_transformers_with_the_groups_adapter(folder, group, tmp_path):
    import gymnasium as gym

    import gsim_env  # noqa: F401

    stack_loras([group.path / "adapter"], tmp_path / "plain")  # as peft reads it
    customer = {
        "backend": "transformers",
        "model": str(folder),
        "adapter": str(tmp_path / "plain"),
    }
    env = gym.make(
        "GroupedSim-Telemarketing-v0", customer=customer, encoder="hashing", library="memory"
    )
    env.reset(seed=0)
    words, _, _, _, info = env.step("Hello, this is Li from QuickEats.")
    assert words
    assert info["turn"] == 1
