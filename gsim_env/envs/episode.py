"""One call as an asynchronous episode: the core of all three environments."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from gsim_env.envs.rewards import StepReward
from gsim_env.errors import ResetNeededError
from gsim_env.profiles import CustomerProfile
from gsim_env.simulation.conversation import ConversationFlow, CustomerTurn
from gsim_env.simulation.drivers import arun
from gsim_env.simulation.simulator import Simulator
from gsim_env.simulation.utterance import check_utterance

__all__ = ["Episode", "Info", "StepResult"]

Info = dict[str, Any]

StepResult = tuple[str, float, bool, bool, Info]
"""Observation, reward, terminated, truncated, info."""


class Episode:
    """One simulated call with awaitable ``reset`` and ``step``; the core of all environments.

    The random generator belongs to the caller.

    Args:
        simulator: The simulator of the customer.
        reward: The salesperson's reward.
        reveal: Put the hidden state into info.

    Attributes:
        transcript: The salesperson's utterances with the customer's turns.
        profile: The customer's profile; ``None`` before the first reset.
    """

    def __init__(self, simulator: Simulator, reward: StepReward, *, reveal: bool) -> None:
        """Prepare an episode; call :meth:`reset` to start it."""
        self.simulator = simulator
        self._reward = reward
        self._reveal = reveal
        self.transcript: list[tuple[str, CustomerTurn]] = []
        self.profile: CustomerProfile | None = None
        self._conversation: ConversationFlow | None = None
        self._turn: CustomerTurn | None = None

    async def reset(
        self, rng: np.random.Generator, options: Mapping[str, Any] | None
    ) -> tuple[str, Info]:
        """Draw a customer and start the call.

        Returns:
            The call brief, and info.

        Raises:
            ConfigurationError: if an option is not legal; the call in progress is unchanged.
            SimulatorError: if a service fails.
        """
        profile = await self.simulator.draw_profile(rng, options or {})

        # From here on the previous call is over, even if the new one fails to start.
        self._conversation = None
        self._turn = None
        self.transcript = []
        self.profile = profile

        conversation = self.simulator.start(profile, rng)
        self._turn = await arun(conversation, None, self.simulator.services)
        self._conversation = conversation
        return self.simulator.brief(profile), self._info({})

    async def step(self, utterance: str) -> StepResult:
        """Send the salesperson's utterance and return the customer's answer.

        Returns:
            Observation (the customer's words), reward, terminated, truncated, info.

        Raises:
            ResetNeededError: if no call is in progress.
            UtteranceError: if ``utterance`` is not a ``str``; the call goes on.
            SimulatorError: if a service fails; the call is over, without a reward.
        """
        if self._conversation is None or self._turn is None:
            raise ResetNeededError(
                "No call is in progress: it has ended, failed or not begun. Call reset() first."
            )
        check_utterance(utterance)

        # If a service fails, the call stays without a conversation: it is over.
        before, conversation = self._turn, self._conversation
        self._conversation = None
        after = await arun(conversation, utterance, self.simulator.services)

        self._turn = after
        self.transcript.append((utterance, after))
        terms = self._reward.terms(before, after)
        reward = sum(terms.values())
        if after.outcome is None:
            self._conversation = conversation
            return after.text, reward, False, False, self._info(terms)

        truncated = after.outcome.truncates
        return after.text, reward, not truncated, truncated, self._info(terms)

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
