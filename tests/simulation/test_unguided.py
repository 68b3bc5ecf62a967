"""A customer model that is told nothing: the ablation of the dynamic SOP."""

import numpy as np
import pytest

from gsim_env.errors import ConfigurationError
from gsim_env.models import Completion, CompletionRequest
from gsim_env.profiles import ProfileConstraints
from gsim_env.simulation.config import SimulatorConfig
from gsim_env.simulation.conversation import Listen
from gsim_env.simulation.simulator import Simulator

LINES = [
    "Hello?",
    "What does it cost?",
    "We have someone already.",
    "No, thank you.",
    "I'm serving.",
    "Mm.",
]


def prompts_of(guidance: bool) -> tuple[list[CompletionRequest], list]:
    """Play a call by hand: every prompt for the customer model, and every turn."""
    simulator = Simulator(
        SimulatorConfig(customer="embedded", encoder="hashing", library="memory", guidance=guidance)
    )
    scripted = Simulator(SimulatorConfig(customer="scripted"))
    rng = np.random.default_rng(3)
    profile = simulator.group.profile_generator.sample(rng, ProfileConstraints())
    steps = simulator.start(profile, rng)
    asked, turns, answer = [], [], None
    try:
        while True:
            request = steps.send(answer)
            if isinstance(request, Listen):
                turns.append(request.turn)
                answer = "Hello, this is Li from QuickEats. Have you a minute?"
            elif isinstance(request, CompletionRequest):
                asked.append(request)
                answer = Completion(LINES[len(asked) % len(LINES)])
            else:
                answer = (
                    scripted.services._embed_all([request])[0]
                    if hasattr(request, "texts")
                    else scripted.services._search_all([request])[0]
                )
    except StopIteration as end:
        turns.append(end.value)
    return asked, turns


def test_without_guidance_the_prompt_ends_with_the_salesperson() -> None:
    guided, told = prompts_of(guidance=True)
    alone, untold = prompts_of(guidance=False)
    assert [turn.outcome for turn in told] == [turn.outcome for turn in untold]
    assert len(alone) == len(guided) > 1
    for with_it, without in zip(guided, alone, strict=True):
        assert with_it.messages[:-1] == without.messages
        assert (with_it.messages[-1]["role"], without.messages[-1]["role"]) == ("system", "user")
    assert all(turn.guidance is None for turn in untold)
    assert all(turn.guidance is not None for turn in told[1:])
    assert [turn.state for turn in told] == [turn.state for turn in untold]


def test_the_scripted_customer_needs_guidance() -> None:
    with pytest.raises(ConfigurationError, match="guidance=True"):
        SimulatorConfig(customer="scripted", guidance=False)
