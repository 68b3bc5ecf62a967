"""Custom training loop: concurrent calls, failed calls left out."""

import asyncio

from gsim_recipes.custom_loop.rollouts import collect_rollouts, play_call

from gsim_env.errors import SimulatorError
from gsim_env.simulation.drivers import Services


async def patient(utterances: list[str]) -> str:
    return (
        "Hello, this is Li." if len(utterances) == 1 else "I see. What worries you most about it?"
    )


def test_a_rollout_has_the_brief_utterances_and_a_reward_per_turn() -> None:
    utterances, rewards = asyncio.run(play_call(patient, 3, customer="scripted", max_turns=4))
    assert "You are calling:" in utterances[0]
    assert utterances[1] == "Hello, this is Li."
    assert len(utterances) == 1 + 2 * len(rewards)


def test_a_seed_gives_the_same_call_alone_or_among_others() -> None:
    alone = asyncio.run(play_call(patient, 5, customer="scripted"))
    assert asyncio.run(collect_rollouts(patient, range(8), customer="scripted"))[5] == alone


def test_a_failed_call_is_left_out(monkeypatch) -> None:
    real, asked = Services.answer, []

    async def fail_once(self, request):
        asked.append(request)
        if len(asked) == 20:
            raise SimulatorError("the server is down")
        return await real(self, request)

    monkeypatch.setattr(Services, "answer", fail_once)
    assert len(asyncio.run(collect_rollouts(patient, range(4), customer="scripted"))) == 3
