"""Speed of the embedded model in tokens per second.

The environment against the raw engine, and the tuned model against the untuned one.
"""

import time
from itertools import chain

import numpy as np
import pytest

from gsim_env.envs import TelemarketingVectorEnv
from gsim_env.models import CompletionRequest, SamplingParams
from gsim_env.models.backends.embedded import Config as EmbeddedConfig
from gsim_env.models.backends.embedded import EmbeddedModel
from gsim_env.profiles import ProfileConstraints
from tests.helpers import LINES

pytestmark = pytest.mark.slow
CALLS, TURNS = 16, 4
SAMPLING = SamplingParams(temperature=0.7, top_p=0.9, max_tokens=48)


class Recorder(EmbeddedModel):
    """An embedded model that records the batches it receives."""

    def __init__(self, config: EmbeddedConfig) -> None:
        super().__init__(config)
        self.batches: list[list[CompletionRequest]] = []

    def complete_batch(self, requests):
        self.batches.append(list(requests))
        return super().complete_batch(requests)


def metrics(model):
    """Return the tokens so far: processed (prompt tokens not in the cache) and predicted."""
    lines = model.server.handle_metrics().splitlines()
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return float(values["llamacpp:prompt_tokens_total"]), float(
        values["llamacpp:tokens_predicted_total"]
    )


def tokens(model, requests):
    """Return the number of prompt tokens, as the engine counts them without its cache."""
    before, _ = metrics(model)
    for request in requests:
        model.server.handle_completions(
            {"prompt": model.render_prompt(request), "max_tokens": 1, "cache_prompt": False}
        )
    return metrics(model)[0] - before


def test_tokens_a_second_and_prompt_reuse(benchmark, group):
    config = EmbeddedConfig(parallel=CALLS, adapter=str(group.path / "adapter"))

    def run():
        env = TelemarketingVectorEnv(CALLS, autoreset_mode="Disabled", max_turns=TURNS + 1)
        ours, raw = Recorder(config), EmbeddedModel(config)
        env.simulator.services.models["customer"] = ours
        env.reset(seed=3)
        env.simulator.services.encoder.encode(["loaded before the clock runs"])
        before = metrics(ours), metrics(raw)

        start = time.perf_counter()
        for turn in range(TURNS):
            env.step(
                [f"{LINES[(turn + i) % len(LINES)]} I mean shop number {i}." for i in range(CALLS)]
            )
        seconds = time.perf_counter() - start

        start = time.perf_counter()
        for batch in ours.batches:
            raw.complete_batch(batch)
        raw_seconds = time.perf_counter() - start
        return ours, raw, before, seconds, raw_seconds

    ours, raw, before, seconds, raw_seconds = benchmark.pedantic(run, rounds=1)
    (processed, predicted), (raw_processed, raw_predicted) = (
        tuple(now - then for now, then in zip(metrics(model), start, strict=True))
        for model, start in zip((ours, raw), before, strict=True)
    )
    assert (processed, predicted) == (raw_processed, raw_predicted)
    requests = list(chain.from_iterable(ours.batches))
    prompts = tokens(raw, requests)
    turns = len(requests)
    benchmark.extra_info |= {
        "calls": CALLS,
        "turns_per_second": turns / seconds,
        "tokens_per_second": predicted / seconds,
        "raw_engine_tokens_per_second": raw_predicted / raw_seconds,
        "ratio_to_raw_engine": raw_seconds / seconds,
        "prompt_tokens_per_turn": prompts / turns,
        "prompt_tokens_processed_per_turn": processed / turns,
        "share_of_prompt_tokens_reused": 1 - processed / prompts,
    }
    # Without a cache every turn would process its whole prompt.
    assert processed < 0.7 * prompts


def test_the_tuned_model_beside_the_raw_one(benchmark, group):
    """Both models generate the same number of tokens; the first round only loads them."""
    models = {
        "tuned": EmbeddedModel(EmbeddedConfig(parallel=CALLS, adapter=str(group.path / "adapter"))),
        "raw": EmbeddedModel(EmbeddedConfig(parallel=CALLS, model="base")),
    }
    messages = []
    for i in range(CALLS):
        rng = np.random.default_rng(i)
        profile = group.profile_generator.sample(rng, ProfileConstraints())
        messages.append(
            [
                {"role": "system", "content": profile.text},
                {"role": "user", "content": LINES[0]},
            ]
        )

    def speak(model, seed):
        prompts = [
            model.render_prompt(CompletionRequest("customer", call, SAMPLING, seed))
            for call in messages
        ]
        body = {
            "prompt": prompts,
            **SAMPLING.model_dump(exclude_none=True),
            "seed": seed,
            "ignore_eos": True,
        }
        _, before = metrics(model)
        start = time.perf_counter()
        model.server.handle_completions(body)
        seconds = time.perf_counter() - start
        assert metrics(model)[1] - before == CALLS * SAMPLING.max_tokens
        return seconds

    def run():
        rounds = [{name: speak(model, seed) for name, model in models.items()} for seed in range(4)]
        return {name: sum(seconds[name] for seconds in rounds[1:]) for name in models}

    seconds = benchmark.pedantic(run, rounds=1)
    benchmark.extra_info |= {
        f"{name}_tokens_per_second": 3 * CALLS * SAMPLING.max_tokens / seconds[name]
        for name in models
    }
    benchmark.extra_info["ratio_tuned_to_raw"] = seconds["raw"] / seconds["tuned"]
