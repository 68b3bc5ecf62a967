"""The embedded model through the environment: tokens a second against the raw engine, and prompt tokens reused."""

import itertools
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from gsim_env.envs import TelemarketingVectorEnv
from gsim_env.models import Complete, Completion
from gsim_env.models.embedded import EmbeddedConfig
from tests.envs.test_telemarketing import LINES

pytestmark = pytest.mark.slow
CALLS, TURNS = 16, 4


class Recorder:
    """Lets a model answer, and remembers what it was asked and what that cost."""

    def __init__(self, model):
        self.model, self.asked = model, []

    async def acomplete(self, request: Complete) -> Completion:
        completion = await self.model.acomplete(request)
        self.asked.append((request, completion))
        return completion


@pytest.fixture(scope="module")
def config(group):
    return EmbeddedConfig(parallel=CALLS, adapter=str(group.path / "adapter"))


def environment(config):
    """A vector environment on an engine of its own, with nothing cached, and its recorder."""
    env = TelemarketingVectorEnv(CALLS, customer="embedded", autoreset_mode="Disabled", max_turns=TURNS + 1)
    recorder = Recorder(config.build())
    recorder.model.server  # noqa: B018 - load before the clock runs
    env.simulator.services.models["customer"] = recorder
    env.reset(seed=3)
    return env, recorder


def play(env, recorder):
    """Four turns, a line of its own for each call; return the waves of requests and the seconds spent."""
    waves, start = [], time.perf_counter()
    for turn in range(TURNS):
        before = len(recorder.asked)
        env.step([f"{LINES[(turn + i) % len(LINES)]} I mean number {i}." for i in range(CALLS)])
        waves.append(recorder.asked[before:])
    return waves, time.perf_counter() - start


def test_tokens_a_second_against_the_raw_engine(benchmark, config):
    def run():
        env, recorder = environment(config)
        waves, seconds = play(env, recorder)
        raw = config.build()
        raw.server  # noqa: B018
        with ThreadPoolExecutor(CALLS) as pool:
            start = time.perf_counter()
            answers = [list(pool.map(raw.complete, [request for request, _ in wave])) for wave in waves]
            raw_seconds = time.perf_counter() - start
        said = [completion.text for wave in waves for _, completion in wave]
        assert [answer.text for wave in answers for answer in wave] == said
        tokens = sum(completion.completion_tokens for wave in waves for _, completion in wave)
        return tokens, seconds, raw_seconds, waves

    tokens, seconds, raw_seconds, waves = benchmark.pedantic(run, rounds=1)
    turns = sum(map(len, waves))
    prompt = sum(completion.prompt_tokens for wave in waves for _, completion in wave)
    later = [completion for wave in waves[1:] for _, completion in wave]
    benchmark.extra_info |= {
        "turns_per_second": turns / seconds,
        "tokens_per_second": tokens / seconds,
        "raw_tokens_per_second": tokens / raw_seconds,
        "ratio": raw_seconds / seconds,
        "prompt_tokens_per_turn": prompt / turns,
        "prompt_tokens_reused_after_the_first_turn": sum(answer.cached_tokens for answer in later)
        / sum(answer.prompt_tokens for answer in later),
    }
    if benchmark.enabled:
        assert raw_seconds / seconds > 0.9


def test_no_token_before_the_guidance_is_processed_twice(config):
    """Each later prompt is served from the cache up to the end of what the prompt before it held without guidance."""
    env, recorder = environment(config)
    waves, _ = play(env, recorder)
    calls: dict[str, list[tuple[int, int]]] = {}
    for wave in waves:
        for request, completion in wave:
            key = request.messages[0]["content"] + request.messages[1]["content"]
            calls.setdefault(key, []).append((completion.prompt_tokens, completion.cached_tokens))
    late = [(now, then) for turns in calls.values() for now, then in itertools.pairwise(turns)]
    assert len(late) >= CALLS
    guidance = 160  # tokens, generously
    fresh = [then[0] - then[1] for _, then in late]
    assert sum(then[1] >= now[0] - guidance for now, then in late) >= 0.95 * len(late), fresh
