"""Rollouts for a training loop of your own: many calls at a time, whatever your policy is.

python -m gsim_recipes.custom_loop.rollouts
"""

import asyncio
from collections.abc import Awaitable, Callable

from gsim_env.envs import AsyncTelemarketingEnv
from gsim_env.errors import SimulatorError

Policy = Callable[[list[str]], Awaitable[str]]
"""What was said so far (the brief, then salesperson and customer in turn) -> what the salesperson says next."""


async def rollout(
    policy: Policy, seed: int, **settings: object
) -> tuple[list[str], list[float]] | None:
    """Play one call.

    What was said, and the reward of each turn; ``None`` if the simulator failed, which is no
    reward.
    """
    call = AsyncTelemarketingEnv(reward="shaped", **settings)  # type: ignore[arg-type]
    said, rewards, over = [], [], False
    try:
        brief, _ = await call.reset(seed=seed)
        said.append(brief)
        while not over:
            words = await policy(said)  # many calls wait here together: batch them on your side
            heard, reward, terminated, truncated, _ = await call.step(words)
            said += [words, heard]
            rewards.append(reward)
            over = terminated or truncated
    except SimulatorError:
        return None
    return said, rewards


async def collect(
    policy: Policy, seeds: range, **settings: object
) -> list[tuple[list[str], list[float]]]:
    """Play the calls of all seeds at the same time; those that failed are left out."""
    played = await asyncio.gather(*(rollout(policy, seed, **settings) for seed in seeds))
    return [call for call in played if call is not None]


if __name__ == "__main__":

    async def pushy(said: list[str]) -> str:
        """Say the same thing over and over: put your model here."""
        return (
            "Hello, this is Li from QuickEats."
            if len(said) == 1
            else "Shall I set it up for you, then?"
        )

    calls = asyncio.run(collect(pushy, range(64), customer="scripted"))
    print(
        f"{len(calls)} calls, mean return {sum(sum(rewards) for _, rewards in calls) / len(calls):.3f}"
    )
    print("\n".join(calls[0][0]))
