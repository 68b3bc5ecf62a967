"""The single environment: Gymnasium's contract, outcomes, rewards and hidden state."""

import copy
import json
import pickle

import gymnasium
import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec, registry
from gymnasium.utils.env_checker import check_env

import gsim_env
from gsim_env.dialogue import Outcome
from gsim_env.envs import TelemarketingEnv
from gsim_env.errors import ConfigurationError, UtteranceError
from gsim_env.groups import Group
from gsim_env.simulation.drivers import drive
from gsim_env.simulation.salespeople import SalespersonFactory
from gsim_env.util.aio import block_on
from tests.helpers import ID, LINES, play

IDS = [name for name in registry if name.startswith("GroupedSim-")]


def make(**arguments):
    return gym.make(ID, customer="scripted", **arguments)


def listen(env, group, seed):
    """Play a call with the scripted salesperson."""
    team = SalespersonFactory(str(group.path), "scripted", "hashing")
    steps, words = [env.reset(seed=seed)], None
    salesperson = team.new_call(steps[0][0], np.random.default_rng(seed))
    while len(steps) == 1 or not (steps[-1][2] or steps[-1][3]):
        steps.append(env.step(block_on(drive(salesperson.respond(words), team.services))))
        words = steps[-1][0]
    return steps


@pytest.mark.parametrize("env_id", IDS)
@pytest.mark.parametrize("reward", ["outcome", "shaped"])
@pytest.mark.parametrize("reveal", [False, True])
def test_check_env_is_clean_with_warnings_as_errors(env_id, reward, reveal):
    check_env(gym.make(env_id, customer="scripted", reward=reward, reveal=reveal).unwrapped)


def test_ids_are_registered():
    assert ID in IDS


def test_spec_round_trips_as_json_and_pickle():
    env = make(max_turns=7, reward="shaped", gamma=0.9)
    for spec in (
        EnvSpec.from_json(env.spec.to_json()),
        pickle.loads(pickle.dumps(env.spec)),
        copy.deepcopy(env.spec),
    ):
        again = spec.make()
        assert again.spec.kwargs == env.spec.kwargs
        assert play(again) == play(env)


def test_import_is_idempotent_and_the_module_prefix_works():
    import importlib

    importlib.reload(gsim_env)
    assert gym.make(f"gsim_env:{ID}", customer="scripted").spec.id == ID


def test_same_seed_same_call_and_other_seed_other_call():
    env = make()
    assert play(env, 3) == play(env, 3) == play(make(), 3)
    assert play(env, 3) != play(env, 4)


def test_calls_end_with_a_typed_outcome_and_never_merge_the_flags(group: Group):
    env, seen = make(max_turns=9), set()
    for seed in range(40):
        steps = listen(env, group, seed) if seed % 2 else play(env, seed)
        for _, reward, terminated, truncated, info in steps[1:]:
            assert isinstance(terminated, bool)
            assert isinstance(truncated, bool)
            assert not (terminated and truncated)
            assert (info["outcome"] is not None) == (terminated or truncated)
            assert (info["outcome"] is Outcome.TURN_LIMIT) == truncated
            assert reward == info["reward/outcome"] == float(info["outcome"] is Outcome.ACCEPTED)
            json.dumps(info)
        seen.add(steps[-1][4]["outcome"])
    assert {Outcome.ACCEPTED, Outcome.TURN_LIMIT} <= seen
    assert seen & {Outcome.DECLINED, Outcome.HUNG_UP}


def test_a_farewell_ends_the_call_as_sales_ended():
    env = make(encoder="hashing")
    env.reset(seed=0)
    env.step(LINES[0])
    _, reward, terminated, _, info = env.step("Thank you for your time, goodbye.")
    assert (terminated, info["outcome"], reward) == (True, Outcome.SALES_ENDED, 0.0)


@pytest.mark.parametrize("gamma", [1.0, 0.9])
def test_shaping_telescopes_so_that_the_optimal_policy_is_unchanged(gamma):
    env = make(reward="shaped", gamma=gamma, reveal=True, max_turns=6)
    for seed in range(25):
        steps = play(env, seed)
        rewards = [reward for _, reward, *_ in steps[1:]]
        for _, reward, _, _, info in steps[1:]:
            assert reward == pytest.approx(info["reward/outcome"] + info["reward/shaping"])
        potentials = [
            potential(info["state"]) for info in (steps[0][1], *(step[4] for step in steps[1:]))
        ]
        discounted = sum(gamma**t * reward for t, reward in enumerate(rewards))
        outcome = gamma ** (len(rewards) - 1) * steps[-1][4]["reward/outcome"]
        kept = gamma ** len(rewards) * potentials[-1] if steps[-1][3] else 0.0
        assert discounted == pytest.approx(outcome + kept - potentials[0])


def potential(state):
    share = len(state["settled"]) / (len(state["settled"]) + len(state["unsettled"]))
    return 0.5 * share + 0.3 * state["interest"] + 0.2 * state["trust"]


def test_options_fix_archetype_concerns_words_or_the_whole_profile(group: Group):
    env = make(reveal=True)
    for archetype in group.config.archetypes:
        _, info = env.reset(seed=1, options={"archetype": archetype})
        assert info["profile"]["archetype"] == archetype
    _, info = env.reset(seed=1, options={"concerns": ["payout"], "must_not_contain": ["pizza"]})
    assert "payout" in info["profile"]["concerns"]
    assert "pizza" not in json.dumps(info["profile"]).lower()
    profile = group.calls[10].profile
    for given in (profile, profile.model_dump(), json.loads(profile.model_dump_json())):
        brief, info = env.reset(seed=5, options={"profile": given})
        assert info["profile"] == profile.model_dump()
        assert profile.listing in brief


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"archetyp": "status_quo"}, "Did you mean 'archetype'"),
        ({"archetype": "status_qo"}, "Did you mean 'status_quo'"),
        ({"concerns": ["commision"]}, "Did you mean 'commission'"),
        ({"must_contain": ["a submarine made of glass"]}, "No profile met"),
        ({"profile": {"name": "x"}}, "Field required"),
        ({"profile": {}, "archetype": "status_quo"}, "no other option"),
    ],
)
def test_bad_options_say_what_is_legal(options, message):
    env = make()
    with pytest.raises(ConfigurationError, match=message):
        env.reset(seed=0, options=options)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"group": "food_delivry"}, "Did you mean 'food_delivery'"),
        ({"customer": "scriptd"}, "Did you mean 'scripted'"),
        ({"customer": {"backend": "openai"}}, "model"),
        ({"customer": {"backend": "openai", "model": "m", "tmeout": 3}}, "timeout"),
        ({"manager": "chian"}, "'chain' or a backend"),
        ({"library": "milvs"}, "Did you mean 'milvus'"),
        ({"reward": "shapd"}, "Did you mean 'shaped'"),
        ({"gamma": 1.5}, "gamma must be in"),
        ({"k": 0}, "k: Input should be greater than or equal to 1, got 0"),
        ({"max_turn": 3}, "Did you mean 'max_turns'"),
        ({"guidance": False}, "needs guidance=True"),
        ({"max_turns": 0}, "max_turns: Input should be greater than or equal to 1"),
    ],
)
def test_bad_arguments_say_what_is_legal(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        gym.make(ID, **{"customer": "scripted", **arguments})


def test_bad_utterances_lose_nothing():
    env = make()
    env.reset(seed=2)
    env.step(LINES[0])
    with pytest.raises(UtteranceError, match="as a str, got int"):
        env.step(7)
    assert env.step(LINES[1])[4]["turn"] == 2


@pytest.mark.parametrize(
    "utterance",
    ["", "   ", "\n", "x" * 2**20, "\x00\x07\x1b[0m", "\ud800", "\u202eabc", "😀" * 3000],
)
def test_odd_utterances_are_answered_in_the_call(utterance):
    env = make()
    env.reset(seed=2)
    env.step(LINES[0])
    words, reward, terminated, truncated, info = env.step(utterance)
    assert words
    assert reward == 0.0
    assert not truncated
    assert info["turn"] == 2
    if not terminated:
        assert env.step(LINES[1])[0]


def test_step_needs_a_call_in_progress():
    env = make().unwrapped
    with pytest.raises(gymnasium.error.ResetNeeded, match="Call reset"):
        env.step(LINES[0])
    play(env)
    with pytest.raises(gymnasium.error.ResetNeeded, match="Call reset"):
        env.step(LINES[0])


def test_observations_and_infos_are_fresh_objects():
    env = make(reveal=True)
    _, first = env.reset(seed=0)
    infos = [first] + [env.step(line)[4] for line in LINES[:2]]
    infos[0]["profile"]["name"] = "changed"
    infos[0]["state"]["unsettled"].clear()
    assert infos[1]["profile"]["name"] != "changed"
    assert infos[1]["state"]["unsettled"] or infos[1]["state"]["settled"]


def test_hidden_state_never_leaks(group: Group):
    """No profile field except the directory listing is in an observation or in default info.

    The search leaves out the brief that all calls of the group share, and single words in the
    customer's utterances: a customer may say "dry" or their name.
    """
    env = make()
    for call in group.calls:
        brief, info = env.reset(seed=0, options={"profile": call.profile})
        shown = [
            brief.replace(group.config.brief.strip(), "").replace(call.profile.listing, ""),
            str(info),
        ]
        said = []
        for line in LINES[:3]:
            words, _, terminated, _, info = env.step(line)
            assert set(info) == {"turn", "outcome", "reward/outcome"}
            shown.append(str(info))
            said.append(words)
            if terminated:
                break
        for name, value in call.profile.model_dump(exclude={"listing"}).items():
            for text in [value] if isinstance(value, str) else value:
                places = shown + (said if " " in text else [])
                assert not [place for place in places if text.lower() in place.lower()], (
                    f"{name} of {call.id} leaks"
                )


def test_render_modes(capsys):
    env = make(render_mode="ansi")
    env.reset(seed=0)
    words = env.step(LINES[0])[0]
    assert env.render() == f"Salesperson: {LINES[0]}\nCustomer: {words}"
    human = make(render_mode="human")
    human.reset(seed=0)
    human.step(LINES[0])
    assert human.render() is None
    assert capsys.readouterr().out == f"Salesperson: {LINES[0]}\nCustomer: {words}\n"
    with pytest.raises(ConfigurationError, match="ansi, human"):
        TelemarketingEnv(customer="scripted", render_mode="rgb_array")
