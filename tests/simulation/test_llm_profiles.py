"""Profiles by a language model: within the schema, within the constraints, or not at all."""

import json

import gymnasium as gym
import numpy as np
import pytest

import gsim_env  # noqa: F401 - registers
from gsim_env.errors import ConfigurationError, SimulatorError
from gsim_env.models import Completion
from gsim_env.profiles import ProfileConstraints
from gsim_env.simulation.llm_profiles import LLMProfileGenerator


def sample(group, constraints, *answers):
    """Answer each request in turn; return the profile and how many requests there were."""
    requests = LLMProfileGenerator(group).sample(np.random.default_rng(0), constraints)
    request, asked = next(requests), 1
    for answer in answers:
        assert request.role == "profile"
        assert json.dumps(constraints.archetype) in request.messages[0]["content"]
        try:
            request = requests.send(Completion(answer))
        except StopIteration as end:
            return end.value, asked
        asked += 1
    raise AssertionError("asked for more")


def test_what_does_not_fit_is_asked_for_again(group):
    wanted = next(call.profile for call in group.calls if call.profile.archetype == "status_quo")
    other = next(call.profile for call in group.calls if call.profile.archetype != "status_quo")
    constraints = ProfileConstraints(archetype="status_quo")
    answers = ["not json", other.model_dump_json(), wanted.model_dump_json()]
    assert sample(group, constraints, *answers) == (wanted, 3)
    strange = wanted.model_copy(update={"concerns": ("weather",)}).model_dump_json()
    with pytest.raises(SimulatorError, match=r"in 5 tries, the last: .*weather"):
        sample(group, constraints, "{}", "[]", "", other.model_dump_json(), strange)


def test_ranges_count(group):
    profile = group.calls[0].profile
    facts, words = len(profile.facts), len(profile.text.split())
    assert ProfileConstraints(ranges={"facts": (facts, facts), "words": (1, words)}).admits(profile)
    assert not ProfileConstraints(ranges={"facts": (facts + 1, 99)}).admits(profile)
    assert not ProfileConstraints(ranges={"words": (1, words - 1)}).admits(profile)
    with pytest.raises(ConfigurationError, match="ranges"):
        gym.make("GroupedSim-Telemarketing-v0", customer="scripted").reset(
            options={"ranges": {"cousins": (1, 2)}}
        )


@pytest.mark.slow
def test_a_real_model_writes_a_customer_who_is_then_called():
    """SmolLM2 untrained invents poor lives.

    They fit the schema and the constraints, and the call goes its way.
    """
    embedded = {"backend": "embedded", "parallel": 2}
    env = gym.make(
        "GroupedSim-Telemarketing-v0", customer="scripted", profiles=embedded, reveal=True
    )
    _, info = env.reset(seed=1, options={"archetype": "status_quo"})
    assert info["profile"]["archetype"] == "status_quo"
    assert env.step("Hello, this is Li from QuickEats.")[0]
    again, _ = env.reset(seed=1, options={"archetype": "status_quo"})
    assert again
