"""The wrappers with discrete actions: spaces, observations, errors and autoreset."""

import json
import pickle
import shutil
import warnings

import gymnasium
import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import RecordEpisodeStatistics, TimeLimit

from gsim_env.dialogue import Outcome
from gsim_env.envs import ScriptLines, TelemarketingEnv, VectorScriptLines
from gsim_env.envs.line_observations import CustomerTurnScorer
from gsim_env.envs.script_lines import script_lines
from gsim_env.errors import ConfigurationError, SimulatorError
from gsim_env.groups import Group
from gsim_env.groups.bundle import Group as Bundle
from gsim_env.groups.bundle import builtin_template_folders
from gsim_env.models.backends.scripted import ScriptedModel
from gsim_env.models.registry import build_encoder
from gsim_env.simulation.simulator import Simulator

ID = "GroupedSim-Telemarketing-v0"


def make(**arguments):
    return ScriptLines(gym.make(ID, customer="scripted", **arguments))


def make_many(calls, **arguments):
    return VectorScriptLines(gym.make_vec(ID, num_envs=calls, customer="scripted", **arguments))


def play(env, seed=0, options=None):
    """Say one line after the other, whatever is heard."""
    steps = [env.reset(seed=seed, options=options)]
    while not (len(steps) > 1 and (steps[-1][2] or steps[-1][3])):
        steps.append(env.step(len(steps) * 7 % env.action_space.n))
    return steps


@pytest.mark.parametrize("arguments", [{}, {"reward": "shaped"}, {"reveal": True, "max_turns": 4}])
def test_check_env_is_clean_but_for_being_a_wrapper(arguments):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*different from the unwrapped version")
        check_env(make(**arguments))


def test_spec_round_trips_as_json_and_pickle():
    env = make(max_turns=7)
    for spec in (EnvSpec.from_json(env.spec.to_json()), pickle.loads(pickle.dumps(env.spec))):
        again = gym.make(spec)
        assert isinstance(again, ScriptLines)
        assert same(play(again, 3), play(env, 3))


def same(one, other):
    observations = zip(one, other, strict=True)
    return all(np.array_equal(a[0], b[0]) and a[1:] == b[1:] for a, b in observations)


def test_same_seed_same_call_and_other_seed_other_call():
    env = make()
    assert same(play(env, 3), play(env, 3))
    assert same(play(env, 3), play(make(), 3))
    assert not same(play(env, 3), play(env, 4))


def test_actions_say_the_lines_of_the_script(group: Group):
    env = make(render_mode="ansi")
    assert env.lines == script_lines(group)
    assert env.action_space == gym.spaces.Discrete(len(env.lines))
    assert {line.part for line in env.lines} == {
        "opening",
        "discovery",
        "pitch",
        "close",
        "answers",
    }
    assert {line.concern for line in env.lines if line.part == "answers"} == set(
        group.taxonomy.concerns
    )
    for action in (0, np.int64(1), len(env.lines) - 1):
        env.reset(seed=1)
        env.step(action)
        assert env.render().startswith(f"Salesperson: {env.lines[action].text}\n")


def test_a_group_of_another_domain_serves_too(group: Group, tmp_path):
    """Charity's template with a corpus: customers of the written group who say its phrases."""
    folder = tmp_path / "appeal"
    shutil.copytree(
        builtin_template_folders()["charity"],
        folder,
        ignore=shutil.ignore_patterns("discriminator"),
    )
    template = Bundle.load_template(folder)
    said = zip(
        template.taxonomy.phrases("sales"), template.taxonomy.phrases("customer"), strict=False
    )
    turns = [
        {"role": role, "text": text, "stage": stage}
        for pair in said
        for role, (text, stage) in zip(("sales", "customer"), pair, strict=True)
    ]
    own = {
        "archetype": next(iter(template.config.archetypes)),
        "concerns": list(template.taxonomy.concerns)[:2],
    }
    calls = [
        call.model_dump(mode="json") | {"turns": turns, "profile": call.profile.model_dump() | own}
        for call in group.calls[:3]
    ]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(call) + "\n" for call in calls))
    env = make(group=str(folder))
    assert {line.concern for line in env.lines if line.part == "answers"} <= set(
        template.taxonomy.concerns
    )
    for observation, *_ in play(env):
        assert env.observation_space.contains(observation)


def test_the_observation_is_what_was_heard_what_was_said_and_the_time(group: Group):
    env = make(max_turns=10)
    observation, _ = env.reset(seed=2)
    assert not observation.any()
    concerns, stages = len(group.taxonomy.concerns), len(group.taxonomy.customer)
    for turn, action in enumerate((0, 5, 5), start=1):
        observation, *_ = env.step(action)
        assert env.observation_space.contains(observation)
        said = observation[concerns + stages : -1]
        assert set(np.flatnonzero(said)) == ({0} if turn == 1 else {0, 5})
        assert observation[-1] == pytest.approx(turn / 10)
        assert observation[: concerns + stages].any()
    assert len(observation) == concerns + stages + len(env.lines) + 1


def test_the_concern_that_customers_raise_scores_highest(group: Group):
    names = sorted(group.taxonomy.concerns)
    raised = [
        (i, text) for i, name in enumerate(names) for text in group.taxonomy.concerns[name].raised
    ]
    wanted, texts = zip(*raised, strict=True)
    heard = CustomerTurnScorer(group, build_encoder("hashing")).score_texts(texts)
    assert np.mean(heard[:, : len(names)].argmax(axis=1) == wanted) > 0.8


def test_hidden_state_never_leaks(group: Group):
    """Who hides other things but speaks the same words looks the same.

    Words, lines and turns alone are observed.
    """
    env, plain = make(reveal=True), make()
    for seed in range(20):
        for (seen, *_), (other, *_) in zip(play(env, seed), play(plain, seed), strict=True):
            assert np.array_equal(seen, other)
    scorer = CustomerTurnScorer(group, build_encoder("hashing"))
    width = len(group.taxonomy.concerns) + len(group.taxonomy.customer)
    for row in group.calls[:5]:
        observation, info = plain.reset(seed=0, options={"profile": row.profile})
        assert set(info) == {"turn", "outcome"}
        assert not observation.any()
        words = TelemarketingEnv(customer="scripted")
        words.reset(seed=0, options={"profile": row.profile})
        heard = words.step(plain.lines[3].text)[0]
        observation, *_ = plain.step(3)
        assert np.array_equal(observation[:width], scorer.score_texts([heard])[0])


@pytest.mark.parametrize("action", [-1, 37, 1.5, "Hello?", None, np.array([1, 2])])
def test_an_action_that_is_no_line_is_refused_and_the_call_goes_on(action):
    env = make()
    env.reset(seed=0)
    env.step(0)
    with pytest.raises(ConfigurationError, match="0 to 36, got"):
        env.step(action)
    assert env.step(1)[4]["turn"] == 2


def test_a_line_needs_a_call_in_progress():
    env = ScriptLines(TelemarketingEnv(customer="scripted"))
    with pytest.raises(gymnasium.error.ResetNeeded, match="Call reset"):
        env.step(0)


def test_other_environments_and_groups_without_a_script_are_refused(group: Group, tmp_path):
    with pytest.raises(ConfigurationError, match="GroupedSim-Telemarketing"):
        ScriptLines(gym.make("CartPole-v1"))
    folder = tmp_path / "mute"
    shutil.copytree(group.path, folder, ignore=shutil.ignore_patterns("adapter", "held_out.jsonl"))
    script = folder / "script.toml"
    script.write_text(script.read_text().replace("payout = [", "payuot = ["))
    with pytest.raises(ConfigurationError, match="Did you mean 'payout'"):
        make(group=str(folder))
    script.unlink()
    for wrapped in (make, lambda **arguments: make_many(2, **arguments)):
        with pytest.raises(ConfigurationError, match="no script to pick lines from"):
            wrapped(group=str(folder))


def test_gymnasium_s_wrappers_go_on_top_and_below():
    env = RecordEpisodeStatistics(ScriptLines(TimeLimit(gym.make(ID, customer="scripted"), 3)))
    steps = play(env)
    assert steps[-1][3]
    assert steps[-1][4]["episode"]["l"] == 3
    json.dumps(env.spec.to_json())


@pytest.mark.parametrize("mode", ["SameStep", "Disabled"])
def test_calls_in_step_are_the_single_calls(mode):
    calls = 6
    env, single = make_many(calls, autoreset_mode=mode, reward="shaped"), make(reward="shaped")
    alone = [play(single, 40 + i) for i in range(calls)]
    observations, _ = env.reset(seed=40)
    assert not observations.any()
    going_on, ended = np.ones(calls, bool), 0
    for turn in range(1, 16):
        observations, rewards, terminated, truncated, infos = env.step(
            np.full(calls, turn * 7 % len(env.lines))
        )
        assert env.observation_space.contains(observations)
        for i in np.flatnonzero(going_on):
            wanted, reward, *flags, info = alone[i][turn]
            over = any(flags)
            seen = infos["final_obs"][i] if over and mode == "SameStep" else observations[i]
            assert np.array_equal(seen, wanted)
            assert rewards[i] == pytest.approx(reward)
            assert [terminated[i], truncated[i]] == flags
            if over:
                ended += 1
                found = (
                    infos["final_info"]["outcome"][i] if mode == "SameStep" else infos["outcome"][i]
                )
                assert found is info["outcome"]
                assert observations[i].any() == (mode == "Disabled")
        going_on &= ~(terminated | truncated)
        if not going_on.any():
            break
    assert ended == calls


def test_masked_resets_begin_those_calls_only():
    env = make_many(3, autoreset_mode="Disabled", max_turns=2)
    env.reset(seed=0)
    for _ in range(2):
        before, *_, truncated, infos = env.step(np.array([1, 2, 3]))
    assert truncated.all()
    assert set(infos["outcome"]) == {Outcome.TURN_LIMIT}
    mask = np.array([False, True, False])
    observations, _ = env.reset(options={"reset_mask": mask})
    assert not observations[1].any()
    assert np.array_equal(observations[~mask], before[~mask])
    after, *_ = env.step(np.array([5, 6, 7]))  # what is said in calls that are over is not heard
    assert np.array_equal(after[~mask], before[~mask])
    assert after[1].any()


@pytest.mark.parametrize(
    "actions", [np.array([0, 1]), np.array([0, 1, 37]), np.array([0.5, 1, 2]), [0, 1, -1]]
)
def test_actions_that_are_no_lines_are_refused_and_no_call_moves(actions):
    env = make_many(3)
    env.reset(seed=0)
    with pytest.raises(ConfigurationError, match="3 lines' numbers"):
        env.step(actions)
    assert env.step(np.array([0, 1, 2]))[0][:, -1] == pytest.approx(1 / 15)


@pytest.mark.parametrize("mode", ["SameStep", "Disabled"])
def test_a_masked_failure_has_no_reward_and_spoils_no_other_call(mode, monkeypatch):
    sound = make_many(3, autoreset_mode=mode)
    env = make_many(3, autoreset_mode=mode, on_error="mask")
    env.reset(seed=0)
    sound.reset(seed=0)
    answer, asked = ScriptedModel.acomplete, []

    async def fail_second(self, request):
        asked.append(request)
        if len(asked) == 2:
            raise SimulatorError("cut")
        return await answer(self, request)

    monkeypatch.setattr(ScriptedModel, "acomplete", fail_second)
    observations, rewards, _, truncated, _ = env.step(np.array([0, 1, 2]))
    monkeypatch.undo()
    wanted, *_ = sound.step(np.array([0, 1, 2]))
    (row,) = np.flatnonzero(np.isnan(rewards))
    assert truncated.tolist() == [i == row for i in range(3)]
    assert env.observation_space.contains(observations)
    others = np.arange(3) != row
    assert np.array_equal(observations[others], wanted[others])
    assert np.array_equal(
        env.step(np.array([4, 5, 6]))[0][others], sound.step(np.array([4, 5, 6]))[0][others]
    )


def test_a_call_whose_reset_failed_is_silent_until_reset(monkeypatch):
    env = make_many(2, autoreset_mode="Disabled", on_error="mask")
    env.reset(seed=0)
    draw, drawn = Simulator.draw_profile, []

    async def fail_first(self, rng, options):
        drawn.append(rng)
        if len(drawn) == 1:
            raise SimulatorError("no customer")
        return await draw(self, rng, options)

    monkeypatch.setattr(Simulator, "draw_profile", fail_first)
    env.reset(seed=1)
    monkeypatch.undo()
    observations, *_ = env.step(np.array([3, 3]))
    assert observations.any(axis=1).tolist() == [False, True]
    env.reset(seed=1)
    assert env.step(np.array([3, 3]))[0].any(axis=1).all()
