"""The telemarketing environment for asyncio loops."""

from collections.abc import Mapping
from typing import Any, Unpack

import numpy as np
from gymnasium.utils import seeding

from gsim_env.envs.episode import Episode, Info, StepResult
from gsim_env.envs.rewards import Reward
from gsim_env.simulation.config import SimulatorConfig, SimulatorOptions
from gsim_env.simulation.simulator import Simulator

__all__ = ["AsyncTelemarketingEnv"]


class AsyncTelemarketingEnv:
    """The environment for asyncio loops.

    Gymnasium's signatures with ``await``, one instance per concurrent call.

    Arguments are those of :class:`~gsim_env.envs.telemarketing.TelemarketingEnv`. The same seed
    gives the same call.

    Example:
        >>> call = AsyncTelemarketingEnv(customer="scripted")
        >>> brief, info = await call.reset(seed=0)  # doctest: +SKIP
        >>> words, reward, terminated, truncated, info = await call.step("Hello?")  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        reward: str = "outcome",
        gamma: float = 1.0,
        reveal: bool = False,
        **simulator: Unpack[SimulatorOptions],
    ) -> None:
        """Check the configuration; models are loaded by the first reset."""
        self._episode = Episode(
            Simulator(SimulatorConfig(**simulator)), Reward(reward, gamma), reveal=reveal
        )
        self._rng: np.random.Generator | None = None

    @property
    def simulator(self) -> Simulator:
        """The configured simulator; its ``services`` answer every request of the call."""
        return self._episode.simulator

    async def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, Info]:
        """Begin a call; arguments, results and errors as for ``TelemarketingEnv.reset``."""
        if seed is not None or self._rng is None:
            self._rng, _ = seeding.np_random(seed)
        return await self._episode.reset(self._rng, options)

    async def step(self, utterance: str) -> StepResult:
        """Say something; results and errors as for ``TelemarketingEnv.step``."""
        return await self._episode.step(utterance)
