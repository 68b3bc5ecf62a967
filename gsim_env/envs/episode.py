"""One call as an episode, asynchronously: what the environment, the vector environment and async loops share."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from gymnasium.utils import seeding

from gsim_env.envs.rewards import Reward
from gsim_env.errors import ConfigurationError
from gsim_env.profiles import CustomerProfile
from gsim_env.simulation.conversation import CustomerTurn, Steps
from gsim_env.simulation.drivers import arun
from gsim_env.simulation.hearing import check_utterance
from gsim_env.simulation.simulator import ModelSpec, Simulator

__all__ = ["AsyncTelemarketing", "Episode", "StepResult"]

Info = dict[str, Any]
StepResult = tuple[str, float, bool, bool, Info]


class Episode:
    """A call in progress, driven by ``await``; the random generator is the caller's.

    Args:
        simulator: What simulates the customer.
        reward: The salesperson's reward.
        reveal: Put the hidden state into info.
    """

    def __init__(self, simulator: Simulator, reward: Reward, *, reveal: bool) -> None:
        """Make an episode that has not begun."""
        self.simulator, self._reward, self._reveal = simulator, reward, reveal
        self.transcript: list[tuple[str, CustomerTurn]] = []
        self.profile: CustomerProfile | None = None
        self._steps: Steps | None = None
        self._turn: CustomerTurn | None = None

    async def reset(self, rng: np.random.Generator, options: Mapping[str, Any] | None) -> tuple[str, Info]:
        """Draw a customer and pick up the phone.

        Returns:
            The call brief, and info.

        Raises:
            ConfigurationError: if an option is not legal; the call in progress is left as it was.
            SimulatorError: if a service fails.
        """
        profile = await self.simulator.draw_profile(rng, options or {})
        self._steps, self._turn, self.transcript, self.profile = None, None, [], profile
        steps = self.simulator.start(profile, rng)
        self._turn = await arun(steps, None, self.simulator.services)
        self._steps = steps
        return self.simulator.brief(profile), self._info({})

    async def step(self, utterance: str) -> StepResult:
        """Say something and hear the customer's answer.

        Returns:
            Observation (the customer's words), reward, terminated, truncated, info.

        Raises:
            ConfigurationError: if no call is in progress.
            UtteranceError: if ``utterance`` is not a ``str``; the call goes on.
            SimulatorError: if a service fails; the call is over, without a reward.
        """
        if self._steps is None or self._turn is None:
            raise ConfigurationError("No call is in progress: it has ended, failed or not begun. Call reset() first.")
        check_utterance(utterance)  # before anything moves: what is not text is refused, and the call goes on
        before, steps, self._steps = self._turn, self._steps, None
        after = await arun(steps, utterance, self.simulator.services)
        self._turn = after
        self.transcript.append((utterance, after))
        terms = self._reward.terms(before, after)
        if after.outcome is None:
            self._steps = steps
            return after.text, sum(terms.values()), False, False, self._info(terms)
        truncated = after.outcome.truncates
        return after.text, sum(terms.values()), not truncated, truncated, self._info(terms)

    def _info(self, terms: Mapping[str, float]) -> Info:
        assert self._turn is not None
        info: Info = {"turn": len(self.transcript), "outcome": self._turn.outcome, **terms}
        if self._reveal:
            assert self.profile is not None
            guidance = self._turn.guidance
            info["profile"] = self.profile.model_dump()
            info["state"] = asdict(self._turn.state)
            info["guidance"] = None if guidance is None else asdict(guidance)
        return info


class AsyncTelemarketing:
    """The environment for asynchronous loops: Gymnasium's signatures with ``await``, one instance a concurrent call.

    Arguments are those of :class:`~gsim_env.envs.telemarketing.TelemarketingEnv`. The same seed gives the same call.

    Example:
        >>> call = AsyncTelemarketing(customer="scripted")
        >>> brief, info = await call.reset(seed=0)  # doctest: +SKIP
        >>> words, reward, terminated, truncated, info = await call.step("Hello?")  # doctest: +SKIP
    """

    def __init__(
        self,
        group: str = "food_delivery",
        customer: ModelSpec = "embedded",
        manager: ModelSpec = "chain",
        profiles: ModelSpec = "corpus",
        encoder: str | None = None,
        library: str | None = None,
        k: int = 10,
        max_turns: int = 15,
        reward: str = "outcome",
        gamma: float = 1.0,
        reveal: bool = False,  # noqa: FBT001, FBT002 - as in the environment
    ) -> None:
        """Check the configuration; models are loaded by the first reset."""
        simulator = Simulator(group, customer, manager, profiles, encoder, library, k, max_turns)
        self._episode = Episode(simulator, Reward(reward, gamma), reveal=reveal)
        self._rng: np.random.Generator | None = None

    @property
    def simulator(self) -> Simulator:
        """The configured simulator; its ``services`` answer every request of the call."""
        return self._episode.simulator

    async def reset(self, *, seed: int | None = None, options: Mapping[str, Any] | None = None) -> tuple[str, Info]:
        """Begin a call; arguments, results and errors as for ``TelemarketingEnv.reset``."""
        if seed is not None or self._rng is None:
            self._rng, _ = seeding.np_random(seed)
        return await self._episode.reset(self._rng, options)

    async def step(self, utterance: str) -> StepResult:
        """Say something; results and errors as for ``TelemarketingEnv.step``."""
        return await self._episode.step(utterance)
