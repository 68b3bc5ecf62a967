"""Single, vector and asyncio environments: the same seed gives the same transcript."""

import asyncio

import gymnasium
import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gsim_env  # noqa: F401 - registers
from gsim_env.envs import AsyncTelemarketingEnv, TelemarketingVectorEnv
from gsim_env.errors import ConfigurationError, UtteranceError
from tests.helpers import ID, LINES, play

SETTINGS = {"customer": "scripted", "max_turns": 8, "reward": "shaped", "reveal": True}
utterances = st.lists(st.sampled_from([*LINES, ""]) | st.text(max_size=80), min_size=8, max_size=8)


def alone(seed, lines):
    env = gym.make(ID, **SETTINGS)
    story = [env.reset(seed=seed)]
    for line in lines:
        story.append(env.step(line))
        if story[-1][2] or story[-1][3]:
            break
    return story


def in_step(seed, lines, num_envs):
    env = gym.make_vec(ID, num_envs=num_envs, autoreset_mode="Disabled", **SETTINGS)
    observations, infos = env.reset(seed=seed)
    stories = [[(observations[i], single(infos, i))] for i in range(num_envs)]
    over = np.zeros(num_envs, dtype=bool)
    for line in lines:
        observations, rewards, terminated, truncated, infos = env.step((line,) * num_envs)
        for i in np.flatnonzero(~over):
            flags = bool(terminated[i]), bool(truncated[i])
            stories[i].append((observations[i], float(rewards[i]), *flags, single(infos, i)))
        over |= terminated | truncated
        if over.all():
            break
    return stories


def single(infos, i):
    """Undo the vector environment's info: the dictionary of one call."""
    found = {}
    for key, value in infos.items():
        if not key.startswith("_") and infos.get(f"_{key}", np.ones(i + 1))[i]:
            found[key] = single(value, i) if isinstance(value, dict) else value[i]
    return found


async def asynchronously(seeds, lines):
    async def one(seed):
        call = AsyncTelemarketingEnv(**SETTINGS)
        story = [await call.reset(seed=seed)]
        for line in lines:
            story.append(await call.step(line))
            if story[-1][2] or story[-1][3]:
                break
        return story

    return await asyncio.gather(*map(one, seeds))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31 - 10), lines=utterances)
def test_three_drivers_one_transcript(seed, lines):
    singles = [alone(seed + i, lines) for i in range(3)]
    assert in_step(seed, lines, 3) == singles
    assert asyncio.run(asynchronously([seed, seed + 1, seed + 2], lines)) == singles


def test_the_environment_works_inside_a_running_event_loop():
    async def notebook():
        return play(gym.make(ID, customer="scripted"))

    assert asyncio.run(notebook()) == play(gym.make(ID, customer="scripted"))


def test_same_step_autoreset_keeps_the_last_words():
    env = gym.make_vec(ID, num_envs=6, customer="scripted", max_turns=3)
    env.reset(seed=0)
    single_envs = [gym.make(ID, customer="scripted", max_turns=3) for _ in range(6)]
    for i, one in enumerate(single_envs):
        one.reset(seed=i)
    for line in LINES[:7]:
        observations, rewards, terminated, truncated, infos = env.step([line] * 6)
        for i, one in enumerate(single_envs):
            words, reward, ended, cut, info = one.step(line)
            assert (reward, ended, cut) == (rewards[i], terminated[i], truncated[i])
            if ended or cut:
                assert infos["final_obs"][i] == words
                assert single(infos["final_info"], i) == info
                words, _ = one.reset()
            assert observations[i] == words


def test_disabled_autoreset_takes_a_reset_mask_and_leaves_the_options_alone():
    env = gym.make_vec(ID, num_envs=4, customer="scripted", max_turns=2, autoreset_mode="Disabled")
    env.reset(seed=0)
    env.step([LINES[0]] * 4)
    _, _, terminated, truncated, _ = env.step([LINES[1]] * 4)
    assert (terminated | truncated).all()
    options = {"reset_mask": np.array([True, False, True, False])}
    observations, infos = env.reset(options=options)
    assert "reset_mask" in options
    assert infos["_turn"].tolist() == [True, False, True, False]
    assert "You are calling" in observations[0]
    _, rewards, terminated, truncated, infos = env.step([LINES[0]] * 4)
    assert infos["_turn"].tolist() == [True, False, True, False]
    assert not (terminated | truncated)[[0, 2]].any()
    assert not rewards.any()


def test_vector_spaces_hold_what_it_takes_and_gives():
    env = gym.make_vec(ID, num_envs=3, customer="scripted")
    observations, _ = env.reset(seed=1)
    assert observations in env.observation_space
    actions = env.action_space.sample()
    assert actions in env.action_space
    assert env.step(actions)[0] in env.observation_space
    assert env.metadata["autoreset_mode"] is gym.vector.AutoresetMode.SAME_STEP


def test_vector_bad_input_moves_no_call():
    env = gym.make_vec(ID, num_envs=2, customer="scripted")
    with pytest.raises(gymnasium.error.ResetNeeded, match="Call reset"):
        env.step(LINES[:2])
    env.reset(seed=0)
    with pytest.raises(UtteranceError, match="NoneType"):
        env.step([LINES[0], None])
    with pytest.raises(ConfigurationError, match="2 actions are expected"):
        env.step(LINES[:3])
    assert env.step(LINES[:2])[4]["turn"].tolist() == [1, 1]
    with pytest.raises(ConfigurationError, match="reset_mask must be"):
        env.reset(options={"reset_mask": [True, False]})
    for arguments, message in [
        ({"autoreset_mode": "NextStep"}, "Disabled, SameStep"),
        ({"on_error": "ignore"}, "mask, raise"),
        ({"num_envs": 0}, "at least 1"),
    ]:
        with pytest.raises(ConfigurationError, match=message):
            TelemarketingVectorEnv(**{"customer": "scripted", **arguments})
