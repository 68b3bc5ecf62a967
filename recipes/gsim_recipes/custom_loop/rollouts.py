"""Rollouts for a custom training loop: many asynchronous calls with any policy.

python -m gsim_recipes.custom_loop.rollouts
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from gsim_env.envs import AsyncTelemarketingEnv
from gsim_env.errors import SimulatorError

__all__ = ["Policy", "Rollout", "collect_rollouts", "play_call"]

Policy = Callable[[list[str]], Awaitable[str]]
"""Returns the salesperson's next utterance, given the brief and the utterances so far."""


class Rollout(NamedTuple):
    """The utterances and the rewards per turn of one finished call.

    Attributes:
        utterances: The brief, then the salesperson's and the customer's utterances in turn.
        rewards: The reward of each turn.
    """

    utterances: list[str]
    rewards: list[float]


async def play_call(policy: Policy, seed: int, **settings: object) -> Rollout | None:
    """Play one call with a salesperson policy and return its rollout.

    A call in which the simulator fails is ``None``, which is not a reward of 0.

    Args:
        policy: The salesperson.
        seed: Seeds the customer.
        **settings: Arguments of :class:`~gsim_env.envs.AsyncTelemarketingEnv`.
    """
    env = AsyncTelemarketingEnv(reward="shaped", **settings)  # type: ignore[arg-type]
    utterances: list[str] = []
    rewards: list[float] = []
    try:
        brief, _ = await env.reset(seed=seed)
        utterances.append(brief)

        done = False
        while not done:
            # Many calls wait here at the same time: batch them in your policy.
            action = await policy(utterances)
            observation, reward, terminated, truncated, _ = await env.step(action)
            utterances += [action, observation]
            rewards.append(reward)
            done = terminated or truncated
    except SimulatorError:
        return None
    return Rollout(utterances, rewards)


async def collect_rollouts(policy: Policy, seeds: range, **settings: object) -> list[Rollout]:
    """Play one call per seed concurrently and return their rollouts, without the failed calls."""
    rollouts = await asyncio.gather(*(play_call(policy, seed, **settings) for seed in seeds))
    return [finished for finished in rollouts if finished is not None]


async def repetitive_example_policy(utterances: list[str]) -> str:
    """Return a greeting, then always the same question: a placeholder for your own policy."""
    if len(utterances) == 1:
        return "Hello, this is Li from QuickEats."
    return "Shall I set it up for you, then?"


def main() -> None:
    """Collect 64 rollouts, and print their mean return and the first call."""
    rollouts = asyncio.run(
        collect_rollouts(repetitive_example_policy, range(64), customer="scripted")
    )

    mean_return = sum(sum(call.rewards) for call in rollouts) / len(rollouts)
    print(f"{len(rollouts)} calls, mean return {mean_return:.3f}")
    print("\n".join(rollouts[0].utterances))


if __name__ == "__main__":
    main()
