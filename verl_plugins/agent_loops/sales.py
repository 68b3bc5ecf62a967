"""The agent loop ``gsim_sales``.

The policy under training is the salesperson, the customer is simulated and frozen.
"""

import logging
import time
from typing import Any
from uuid import uuid4

from gymnasium.utils import seeding
from verl.experimental.agent_loop.agent_loop import (
    AgentLoopBase,
    AgentLoopMetrics,
    AgentLoopOutput,
    register,
)

from gsim_env.dialogue import Outcome
from gsim_env.envs.episode import Episode
from gsim_env.envs.rewards import Reward
from gsim_env.errors import SimulatorError
from gsim_env.models import Message
from gsim_env.simulation.prompts import SILENCE
from gsim_env.simulation.salespeople.llm import sales_system
from gsim_env.simulation.utterance import parse_utterance
from verl_plugins.agent_loops.settings import CallSettings, shared_simulator

__all__ = ["SalesLoop"]

logger = logging.getLogger(__name__)


@register("gsim_sales")
class SalesLoop(AgentLoopBase):
    """One call as one sequence.

    The policy's tokens as it drew them, the customer's words between them masked.

    The row's ``extra_info["seed"]`` decides the customer, so that a GRPO group calls the same one.
    What a reward function or a logger finds in the extra fields: ``outcome``, ``turn_scores`` (the
    environment's reward a turn), ``messages`` (the customer as ``assistant``), ``profile``,
    ``env_seconds`` (time spent waiting for the simulator). None of it reaches a prompt.
    """

    async def run(
        self, sampling_params: dict[str, Any], extra_info: dict[str, Any], **_: Any
    ) -> AgentLoopOutput | list[AgentLoopOutput]:
        """Play a call.

        Returns:
            The sequence; or nothing, if the simulator failed: verl leaves the sample out of its
            group then.
        """
        settings = CallSettings.of(self.config)
        call = SalesCall(self, settings, sampling_params)
        try:
            return await call.play(int(extra_info["seed"]))
        except SimulatorError as error:
            logger.warning(
                "The call of seed %s failed and is left out: %s", extra_info["seed"], error
            )
            return []


class SalesCall:
    """A call in progress, as tokens and as words."""

    def __init__(self, loop: SalesLoop, settings: CallSettings, sampling: dict[str, Any]) -> None:
        self._loop, self._settings, self._sampling = loop, settings, sampling
        self._episode = Episode(shared_simulator(settings), Reward("shaped", 1.0), reveal=False)
        self._room = int(loop.rollout_config.response_length)
        self._request = uuid4().hex
        self._messages: list[Message] = []
        self._ids: list[int] = []
        self._mask: list[int] = []
        self._logprobs: list[float] = []
        self._extra: dict[str, Any] = {}
        self._seconds = {"generate": 0.0, "env": 0.0}

    async def play(self, seed: int) -> AgentLoopOutput:
        """Play until the customer or the salesperson ends it, or there is no room for another turn."""
        start = time.perf_counter()
        rng, _ = seeding.np_random(seed)
        brief, _ = await self._episode.reset(rng, None)
        self._seconds["env"] += time.perf_counter() - start
        group = self._episode.simulator.group
        self._messages = [sales_system(group, brief), {"role": "user", "content": SILENCE}]
        self._ids = await self._loop.ct_build_initial_tokens(self._messages)
        scores: list[float] = []
        outcome: Outcome | None = None
        while outcome is None:
            said = await self._speak()
            start = time.perf_counter()
            heard, reward, _, _, info = await self._episode.step(said)
            self._seconds["env"] += time.perf_counter() - start
            scores.append(reward)
            outcome = info["outcome"]
            if outcome is None and not await self._hear(heard):
                outcome = Outcome.TURN_LIMIT
        return self._output(outcome, scores)

    async def _speak(self) -> str:
        """Have the policy say something, and keep what it drew."""
        start = time.perf_counter()
        most = min(self._settings.turn_tokens, self._room - len(self._mask))
        drawn = await self._loop.server_manager.generate(
            request_id=self._request,
            prompt_ids=self._ids,
            sampling_params={**self._sampling, "max_tokens": most},
        )
        self._seconds["generate"] += time.perf_counter() - start
        first = self._extra.get("min_global_steps")
        self._extra.update(drawn.extra_fields)
        if first is not None:
            self._extra["min_global_steps"] = first
        merged, self._mask, logprobs = await self._loop.ct_merge_assistant_token(
            self._ids,
            drawn.token_ids,
            self._mask,
            self._logprobs,
            assistant_logprobs=drawn.log_probs,
        )
        self._ids, self._logprobs = merged.token_ids, logprobs or []
        said: str = self._loop.tokenizer.decode(drawn.token_ids, skip_special_tokens=True)
        self._messages.append({"role": "assistant", "content": said})
        return said

    async def _hear(self, heard: str) -> bool:
        """Add the customer's words, unless there is no room for them and an answer.

        Say whether there was.
        """
        before = list(self._messages)
        messages: list[Message] = [
            *before,
            {"role": "user", "content": parse_utterance(heard).text or SILENCE},
        ]
        merged, mask, logprobs = await self._loop.ct_merge_context_msg(
            before, messages, self._ids, self._mask, self._logprobs
        )
        if len(mask) >= self._room:
            return False
        self._ids, self._mask, self._logprobs, self._messages = (
            merged.token_ids,
            mask,
            logprobs or [],
            messages,
        )
        return True

    def _output(self, outcome: Outcome, scores: list[float]) -> AgentLoopOutput:
        assert self._episode.profile is not None
        size = len(self._mask)
        call = [
            message
            for said, turn in self._episode.transcript
            for message in (
                {"role": "user", "content": said},
                {"role": "assistant", "content": turn.text},
            )
        ]
        extra = {
            "outcome": str(outcome),
            "turn_scores": scores,
            "tool_rewards": [],
            "messages": call,
            "profile": self._episode.profile.model_dump(mode="json"),
            "env_seconds": self._seconds["env"],
        }
        return AgentLoopOutput(
            prompt_ids=self._ids[: len(self._ids) - size],
            response_ids=self._ids[len(self._ids) - size :],
            response_mask=self._mask,
            response_logprobs=self._logprobs or None,
            num_turns=len(call) + 1,  # and the brief
            metrics=AgentLoopMetrics(
                generate_sequences=self._seconds["generate"], tool_calls=self._seconds["env"]
            ),
            extra_fields={**self._extra, **extra},
        )
