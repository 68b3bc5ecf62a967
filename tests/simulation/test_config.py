"""One configuration: documented where users look, checked before anything is loaded, plain data."""

import inspect
import pickle
import re
from typing import get_type_hints

import gymnasium as gym
import pytest

from gsim_env.envs import AsyncTelemarketingEnv, TelemarketingEnv, TelemarketingVectorEnv
from gsim_env.errors import ConfigurationError
from gsim_env.simulation import simulator
from gsim_env.simulation.config import SimulatorConfig, SimulatorOptions
from gsim_env.simulation.simulator import Simulator

ENV_ARGUMENTS = {"reward": "outcome", "gamma": 1.0, "reveal": False, "render_mode": None}


def documented() -> dict[str, str]:
    """The arguments of the environment's page with their documented defaults."""
    page = inspect.getdoc(TelemarketingEnv)
    section = page[page.index("## Arguments") : page.index("## Registered")]
    items = re.findall(r"^\* ``(\w+)``:(.*?)(?=^\* |^Of |\Z)", section, re.MULTILINE | re.DOTALL)
    return {name: re.search(r"Default\s+``(.+?)``", text)[1] for name, text in items}


def test_the_documented_arguments_are_the_fields_with_their_defaults():
    fields = {name: field.default for name, field in SimulatorConfig.model_fields.items()}
    expected = {
        name: repr(default).replace("'", '"') for name, default in (fields | ENV_ARGUMENTS).items()
    }
    assert documented() == expected


def test_the_typed_keywords_are_the_fields():
    assert list(get_type_hints(SimulatorOptions)) == list(SimulatorConfig.model_fields)


@pytest.mark.parametrize("env", [TelemarketingEnv, TelemarketingVectorEnv, AsyncTelemarketingEnv])
def test_every_environment_takes_the_same_keywords(env):
    made = env(customer="scripted", guidance=True, k=3, max_turns=4)
    assert made.simulator.config == SimulatorConfig(customer="scripted", k=3, max_turns=4)
    with pytest.raises(ConfigurationError, match="Did you mean 'max_turns'"):
        env(customer="scripted", max_turn=4)


def test_the_paper_s_ablation_is_an_argument_of_gym_make():
    env = gym.make("GroupedSim-Telemarketing-v0", guidance=False)
    assert env.unwrapped.simulator.config.guidance is False


def test_it_is_plain_data_that_is_checked_again_when_replaced():
    config = SimulatorConfig(customer={"backend": "openai", "model": "m"}, library="memory")
    assert SimulatorConfig.model_validate_json(config.model_dump_json()) == config
    assert pickle.loads(pickle.dumps(config)) == config
    assert config.replace(k=2).k == 2
    with pytest.raises(ConfigurationError, match="k: Input should be"):
        config.replace(k=0)


@pytest.mark.parametrize(
    ("library", "limit", "expected"),
    [(None, 0, "memory"), (None, -1, "milvus"), ("memory", -1, "memory"), ("milvus", 0, "milvus")],
)
def test_a_corpus_above_memory_calls_is_searched_in_milvus_by_default(
    group, monkeypatch, library, limit, expected
):
    opened = []
    monkeypatch.setattr(simulator, "MEMORY_CALLS", len(group.calls) + limit)
    monkeypatch.setattr(simulator, "shared_library", lambda *names: opened.append(names[2]))
    assert Simulator(SimulatorConfig(customer="scripted", library=library)).services
    assert opened == [expected]


def test_the_documented_bound_of_the_memory_library_is_the_one_in_force():
    bound = f"more than {simulator.MEMORY_CALLS:,} calls"
    assert bound in SimulatorConfig.model_fields["library"].description
    assert bound in " ".join(inspect.getdoc(TelemarketingEnv).split())
