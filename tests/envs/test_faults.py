"""Failing services: no failure becomes a reward, and other calls go on.

The customer is the ``openai`` backend against a real server on the loopback interface. Requests
that quote :data:`BREAK` fail, in any order of arrival; the salesperson's utterances decide which.
"""

import asyncio
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import gymnasium
import gymnasium as gym
import numpy as np
import pytest

from gsim_env.envs import AsyncTelemarketingEnv, TelemarketingVectorEnv
from gsim_env.errors import SimulatorError
from gsim_env.sop import MemoryLibrary
from gsim_env.testing import Fault, Faults, MockOpenAIServer, mock_openai_server

BREAK = "Break now."
SAY = (
    "Hello, this is Li from QuickEats.",
    BREAK,
    "You set your own prices.",
    "What worries you most about it?",
)
BROKEN = SAY.index(BREAK)
OTHERS = [i for i in range(len(SAY)) if i != BROKEN]
FAULTS: tuple[Fault, ...] = (
    "timeout",
    "cut",
    "invalid_json",
    "not_an_object",
    "empty_choices",
    429,
    500,
    401,
    404,
)


@pytest.fixture
def server() -> Iterator[MockOpenAIServer]:
    with mock_openai_server() as running:
        yield running


def arguments(server: MockOpenAIServer, *, llm_manager: bool = False) -> dict[str, Any]:
    model = {
        "backend": "openai",
        "model": "m",
        "base_url": server.url,
        "api_key": "key",
        "max_retries": 1,
        "backoff": 0.01,
        "timeout": 0.3,
    }
    manager = model if llm_manager else "chain"
    services = {"customer": model, "manager": manager, "encoder": "hashing", "library": "memory"}
    return {**services, "reward": "shaped", "gamma": 0.9}  # under which no turn's reward is 0


def breaking(fault: Fault) -> Callable[[Mapping[str, Any]], Fault]:
    return lambda body: fault if BREAK in json.dumps(body["messages"]) else "ok"


def failing_first(fault: Fault) -> Callable[[Mapping[str, Any]], Fault]:
    """Every request fails once: a retry sends the same body again."""
    seen = set()

    def choose(body: Mapping[str, Any]) -> Fault:
        text = json.dumps(body)
        if text in seen:
            return "ok"
        seen.add(text)
        return fault

    return choose


def fail(*_: object) -> None:
    raise SimulatorError("as planned")


def vector_env(server: MockOpenAIServer, **settings: Any) -> TelemarketingVectorEnv:
    env = gym.make_vec(
        "GroupedSim-Telemarketing-v0", num_envs=len(SAY), **arguments(server), **settings
    )
    assert isinstance(env.unwrapped, TelemarketingVectorEnv)
    return env


class TestSingle:
    @pytest.mark.parametrize("fault", FAULTS)
    def test_a_failed_call_has_no_reward_and_is_over_until_reset(self, server, fault):
        env = gym.make("GroupedSim-Telemarketing-v0", **arguments(server))
        env.reset(seed=3)
        sound = env.step(SAY[0])

        server.plan_faults(itertools.repeat(fault))
        with pytest.raises(SimulatorError):
            env.step(SAY[2])
        server.plan_faults(())
        received = len(server.requests)
        with pytest.raises(gymnasium.error.ResetNeeded, match=r"Call reset\(\) first"):
            env.step(SAY[2])
        assert len(server.requests) == received

        env.reset(seed=3)
        assert env.step(SAY[0]) == sound

    @pytest.mark.parametrize("fault", ["timeout", "cut", "invalid_json", 429, 500])
    def test_a_fault_that_passes_leaves_no_trace(self, server, fault):
        env = gym.make("GroupedSim-Telemarketing-v0", **arguments(server))

        def call() -> list[Any]:
            brief = env.reset(seed=5)
            return [brief, *(env.step(words) for words in SAY)]

        undisturbed = call()
        received = len(server.requests)
        server.plan_faults(failing_first(fault))
        assert call() == undisturbed
        assert len(server.requests) == 3 * received


class TestAsync:
    @pytest.mark.parametrize("fault", FAULTS)
    def test_only_the_failed_call_raises(self, server, fault):
        calls = [AsyncTelemarketingEnv(**arguments(server)) for _ in SAY]

        async def together(faults: Faults) -> list[Any]:
            server.plan_faults(faults)
            await asyncio.gather(*(call.reset(seed=seed) for seed, call in enumerate(calls)))
            steps = (call.step(words) for call, words in zip(calls, SAY, strict=True))
            return await asyncio.gather(*steps, return_exceptions=True)

        results, undisturbed = asyncio.run(together(breaking(fault))), asyncio.run(together(()))
        assert isinstance(results[BROKEN], SimulatorError)
        assert [results[i] for i in OTHERS] == [undisturbed[i] for i in OTHERS]

    def test_a_failed_call_is_over_until_reset(self, server):
        call = AsyncTelemarketingEnv(**arguments(server))

        async def story() -> Any:
            await call.reset(seed=0)
            server.plan_faults(itertools.repeat(500))
            with pytest.raises(SimulatorError):
                await call.step(SAY[0])
            server.plan_faults(())
            with pytest.raises(gymnasium.error.ResetNeeded, match=r"Call reset\(\) first"):
                await call.step(SAY[0])
            await call.reset(seed=0)
            return await call.step(SAY[0])

        assert asyncio.run(story())[0]


class TestVector:
    def test_raise_raises_and_reset_starts_sound_calls(self, server):
        env = vector_env(server)
        env.reset(seed=3)
        undisturbed = env.step(SAY)

        env.reset(seed=3)
        server.plan_faults(breaking(500))
        with pytest.raises(SimulatorError):
            env.step(SAY)
        server.plan_faults(())
        env.reset(seed=3)
        words, rewards, *_ = env.step(SAY)
        assert words == undisturbed[0]
        assert np.array_equal(rewards, undisturbed[1])

    @pytest.mark.parametrize("fault", FAULTS)
    @pytest.mark.parametrize("mode", ["SameStep", "Disabled"])
    def test_mask_truncates_exactly_the_failed_call(self, server, fault, mode):
        env = vector_env(server, on_error="mask", autoreset_mode=mode)
        env.reset(seed=3)
        undisturbed = env.step(SAY)
        env.reset(seed=3)
        server.plan_faults(breaking(fault))
        words, rewards, terminated, truncated, infos = env.step(SAY)

        assert np.flatnonzero(np.isnan(rewards)).tolist() == [BROKEN]
        assert np.flatnonzero(truncated).tolist() == [BROKEN]
        assert not terminated.any()
        last = infos["final_info"] if mode == "SameStep" else infos
        assert np.flatnonzero(last["_error"]).tolist() == [BROKEN]
        assert server.url in last["error"][BROKEN]
        assert last["outcome"][BROKEN] is None
        for i in OTHERS:
            assert words[i] == undisturbed[0][i]
            assert rewards[i] == undisturbed[1][i] != 0.0

    def test_mask_and_same_step_start_a_sound_call_at_once(self, server):
        env = vector_env(server, on_error="mask")
        env.reset(seed=3)
        server.plan_faults(breaking(500))
        words, *_, infos = env.step(SAY)
        assert "You are calling:" in words[BROKEN]
        assert infos["final_obs"][BROKEN] == ""
        assert infos["turn"].tolist() == [0 if i == BROKEN else 1 for i in range(len(SAY))]
        _, rewards, _, truncated, infos = env.step([SAY[0]] * len(SAY))
        assert np.isfinite(rewards).all()
        assert not truncated.any()
        assert "error" not in infos

    def test_mask_and_disabled_wait_for_reset(self, server):
        env = vector_env(server, on_error="mask", autoreset_mode="Disabled")
        env.reset(seed=3)
        server.plan_faults(breaking(500))
        words, *_ = env.step(SAY)
        assert words[BROKEN] == ""
        received = len(server.requests)
        _, rewards, terminated, truncated, infos = env.step(SAY)
        assert len(server.requests) == received + len(OTHERS)
        assert rewards[BROKEN] == 0.0
        assert not terminated[BROKEN]
        assert not truncated[BROKEN]
        assert "error" not in infos

        mask = np.arange(len(SAY)) == BROKEN
        words, infos = env.reset(options={"reset_mask": mask})
        assert "You are calling:" in words[BROKEN]
        assert infos["_turn"].tolist() == mask.tolist()
        _, rewards, *_ = env.step([SAY[0]] * len(SAY))
        assert np.isfinite(rewards).all()
        assert rewards[BROKEN] != 0.0

    def test_mask_survives_that_all_fail(self, server):
        env = vector_env(server, on_error="mask")
        env.reset(seed=3)
        server.plan_faults(itertools.repeat(500))
        _, rewards, _, truncated, infos = env.step(SAY)
        assert np.isnan(rewards).all()
        assert truncated.all()
        assert infos["final_info"]["_error"].all()
        server.plan_faults(())
        _, rewards, *_ = env.step(SAY)
        assert np.isfinite(rewards).all()

    @pytest.mark.parametrize("fault", ["ok", "cut", 500])
    def test_no_reward_is_nan_otherwise(self, server, fault):
        """Whole calls, each request of which fails once or not at all."""
        env = vector_env(server, on_error="mask", max_turns=6)
        env.reset(seed=3)
        server.plan_faults(failing_first(fault))
        ended = 0
        for _ in range(14):
            _, rewards, terminated, truncated, infos = env.step(SAY)
            assert np.isfinite(rewards).all()
            assert "error" not in infos
            ended += int((terminated | truncated).sum())
        assert ended >= 2 * len(SAY)

    def test_a_failed_autoreset_is_tried_again(self, server, monkeypatch):
        """The library is down as calls end.

        What is said meanwhile has no reward, and the calls begin once it is back.
        """
        env = vector_env(server, on_error="mask", max_turns=1)
        env.reset(seed=3)
        with monkeypatch.context() as down:
            down.setattr(MemoryLibrary, "_search", fail)
            words, rewards, _, truncated, infos = env.step(SAY)
        assert np.isfinite(rewards).all()
        assert truncated.all()
        assert words == ("",) * len(SAY)
        assert infos["_error"].all()

        words, rewards, _, truncated, infos = env.step(SAY)
        assert np.isnan(rewards).all()
        assert truncated.all()
        assert infos["final_info"]["_error"].all()
        assert all("You are calling:" in brief for brief in words)
        _, rewards, *_ = env.step(SAY)
        assert np.isfinite(rewards).all()


class TestManager:
    def test_an_answer_that_never_fits_the_schema_is_an_error_after_three_tries(self, server):
        env = gym.make("GroupedSim-Telemarketing-v0", **arguments(server, llm_manager=True))
        env.reset(seed=3)
        server.plan_faults(lambda body: "bad_schema" if "response_format" in body else "ok")
        with pytest.raises(SimulatorError, match="no answer fits the schema in 3 tries"):
            env.step(SAY[0])
        assert ["response_format" in request.body for request in server.requests] == [True] * 3
        assert len({request.body["seed"] for request in server.requests}) == 3
        with pytest.raises(gymnasium.error.ResetNeeded, match=r"Call reset\(\) first"):
            env.step(SAY[0])

    def test_an_answer_that_fits_at_last_is_taken(self, server):
        env = gym.make("GroupedSim-Telemarketing-v0", **arguments(server, llm_manager=True))
        env.reset(seed=3)
        server.plan_faults(["bad_schema", "bad_schema"])
        words, reward, terminated, truncated, _ = env.step(SAY[0])
        assert words
        assert np.isfinite(reward)
        assert not terminated
        assert not truncated
        assert ["response_format" in request.body for request in server.requests] == [
            True,
            True,
            True,
            False,
        ]
