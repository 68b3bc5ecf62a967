"""One call as an episode, asynchronously.

What the environment, the vector environment and async loops share.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from gsim_env.envs.rewards import Reward
from gsim_env.errors import ResetNeededError
from gsim_env.profiles import CustomerProfile
from gsim_env.simulation.conversation import ConversationFlow, CustomerTurn
from gsim_env.simulation.drivers import arun
from gsim_env.simulation.simulator import Simulator
from gsim_env.simulation.utterance import check_utterance

__all__ = ["Episode", "Info", "StepResult"]

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
        self._steps: ConversationFlow | None = None
        self._turn: CustomerTurn | None = None

    async def reset(
        self, rng: np.random.Generator, options: Mapping[str, Any] | None
    ) -> tuple[str, Info]:
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
            ResetNeededError: if no call is in progress.
            UtteranceError: if ``utterance`` is not a ``str``; the call goes on.
            SimulatorError: if a service fails; the call is over, without a reward.
        """
        if self._steps is None or self._turn is None:
            raise ResetNeededError(
                "No call is in progress: it has ended, failed or not begun. Call reset() first."
            )
        check_utterance(
            utterance
        )  # before anything moves: what is not text is refused, and the call goes on
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
