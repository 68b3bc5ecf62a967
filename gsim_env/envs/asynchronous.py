"""The telemarketing environment for asyncio loops."""

from collections.abc import Mapping
from typing import Any, Unpack

import numpy as np
from gymnasium.utils import seeding

from gsim_env.envs.episode import Episode, Info, StepResult
from gsim_env.envs.rewards import StepReward
from gsim_env.simulation.config import SimulatorConfig, SimulatorOptions
from gsim_env.simulation.simulator import Simulator

__all__ = ["AsyncTelemarketingEnv"]


class AsyncTelemarketingEnv:
    """The telemarketing environment with awaitable ``reset`` and ``step``.

    Use one instance per concurrent call. Arguments and seeded behavior are those of
    :class:`~gsim_env.envs.telemarketing.TelemarketingEnv`, without ``render_mode``.

    Example:
        >>> env = AsyncTelemarketingEnv(customer="scripted")
        >>> brief, info = await env.reset(seed=0)  # doctest: +SKIP
        >>> text, reward, terminated, truncated, info = await env.step("Hello?")  # doctest: +SKIP
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
        config = SimulatorConfig(**simulator)
        self._episode = Episode(Simulator(config), StepReward(reward, gamma), reveal=reveal)
        self._rng: np.random.Generator | None = None

    @property
    def simulator(self) -> Simulator:
        """The configured simulator; its ``services`` answer the requests of the call."""
        return self._episode.simulator

    async def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, Info]:
        """Start a call; arguments, results and errors as for ``TelemarketingEnv.reset``."""
        if seed is not None or self._rng is None:
            self._rng, _ = seeding.np_random(seed)
        return await self._episode.reset(self._rng, options)

    async def step(self, utterance: str) -> StepResult:
        """Send an utterance; results and errors as for ``TelemarketingEnv.step``."""
        return await self._episode.step(utterance)
