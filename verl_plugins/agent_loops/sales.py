"""Agent loop ``gsim_sales``: the policy is the salesperson, the simulated customer is frozen."""

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
from gsim_env.envs.rewards import StepReward
from gsim_env.errors import SimulatorError
from gsim_env.models import ChatMessage
from gsim_env.simulation.prompts import SILENCE
from gsim_env.simulation.salespeople.llm import sales_system
from gsim_env.simulation.utterance import parse_utterance
from verl_plugins.agent_loops.settings import SimulatedCallSettings, shared_simulator

__all__ = ["SalesAgentLoop"]

logger = logging.getLogger(__name__)


@register("gsim_sales")
class SalesAgentLoop(AgentLoopBase):
    """verl agent loop that trains the salesperson: one sequence per simulated call.

    The sequence has the policy's sampled tokens and the customer's tokens, which are masked.
    The row's ``extra_info["seed"]`` determines the customer, so a GRPO group calls the same one.
    Extra fields for reward functions and loggers: ``outcome``, ``turn_scores`` (the environment's
    reward per turn), ``messages`` (the customer as ``assistant``), ``profile`` and ``env_seconds``
    (time spent in the simulator). No prompt contains them.
    """

    async def run(
        self, sampling_params: dict[str, Any], extra_info: dict[str, Any], **_: Any
    ) -> AgentLoopOutput | list[AgentLoopOutput]:
        """Simulate a call with the policy as the salesperson.

        Returns:
            The sequence, or an empty list if the simulator failed: verl then leaves the sample out
            of its group.
        """
        call = _SalesCall(
            self, SimulatedCallSettings.from_verl_config(self.config), sampling_params
        )
        try:
            return await call.play(int(extra_info["seed"]))
        except SimulatorError as error:
            logger.warning(
                "The call with seed %s failed and is left out: %s", extra_info["seed"], error
            )
            return []


class _SalesCall:
    """A simulated call in progress: its messages and its tokens."""

    def __init__(
        self, loop: SalesAgentLoop, settings: SimulatedCallSettings, sampling: dict[str, Any]
    ) -> None:
        self._loop = loop
        self._settings = settings
        self._sampling = sampling
        self._episode = Episode(shared_simulator(settings), StepReward("shaped", 1.0), reveal=False)
        self._response_length = int(loop.rollout_config.response_length)
        self._request_id = uuid4().hex

        self._messages: list[ChatMessage] = []
        self._ids: list[int] = []
        self._mask: list[int] = []
        self._logprobs: list[float] = []
        self._extra: dict[str, Any] = {}
        self._generate_seconds = 0.0
        self._env_seconds = 0.0

    async def play(self, seed: int) -> AgentLoopOutput:
        """Simulate turns until the call ends or the response has no room for another turn."""
        await self._reset(seed)

        scores: list[float] = []
        outcome: Outcome | None = None
        while outcome is None:
            utterance = await self._generate()
            start = time.perf_counter()
            answer, reward, _, _, info = await self._episode.step(utterance)
            self._env_seconds += time.perf_counter() - start

            scores.append(reward)
            outcome = info["outcome"]
            if outcome is None and not await self._add_customer_turn(answer):
                outcome = Outcome.TURN_LIMIT
        return self._output(outcome, scores)

    async def _reset(self, seed: int) -> None:
        """Start the episode and tokenize the policy's prompt."""
        start = time.perf_counter()
        rng, _ = seeding.np_random(seed)
        brief, _ = await self._episode.reset(rng, None)
        self._env_seconds += time.perf_counter() - start

        system = sales_system(self._episode.simulator.group, brief)
        self._messages = [system, {"role": "user", "content": SILENCE}]
        self._ids = await self._loop.ct_build_initial_tokens(self._messages)

    async def _generate(self) -> str:
        """Sample a turn of the policy, append its tokens, and return its text."""
        start = time.perf_counter()
        room = self._response_length - len(self._mask)
        output = await self._loop.server_manager.generate(
            request_id=self._request_id,
            prompt_ids=self._ids,
            sampling_params={
                **self._sampling,
                "max_tokens": min(self._settings.turn_tokens, room),
            },
        )
        self._generate_seconds += time.perf_counter() - start
        self._update_extra(output.extra_fields)

        merged, self._mask, logprobs = await self._loop.ct_merge_assistant_token(
            self._ids,
            output.token_ids,
            self._mask,
            self._logprobs,
            assistant_logprobs=output.log_probs,
        )
        self._ids = merged.token_ids
        self._logprobs = logprobs or []

        text: str = self._loop.tokenizer.decode(output.token_ids, skip_special_tokens=True)
        self._messages.append({"role": "assistant", "content": text})
        return text

    def _update_extra(self, extra_fields: dict[str, Any]) -> None:
        """Keep the first turn's ``min_global_steps`` and the last turn's other fields."""
        first_step = self._extra.get("min_global_steps")
        self._extra.update(extra_fields)
        if first_step is not None:
            self._extra["min_global_steps"] = first_step

    async def _add_customer_turn(self, answer: str) -> bool:
        """Append the customer's turn, masked, if it leaves room for another turn of the policy.

        Returns:
            Whether the turn was appended.
        """
        text = parse_utterance(answer).text or SILENCE
        messages: list[ChatMessage] = [*self._messages, {"role": "user", "content": text}]
        merged, mask, logprobs = await self._loop.ct_merge_context_msg(
            list(self._messages), messages, self._ids, self._mask, self._logprobs
        )
        if len(mask) >= self._response_length:
            return False

        self._messages = messages
        self._ids = merged.token_ids
        self._mask = mask
        self._logprobs = logprobs or []
        return True

    def _output(self, outcome: Outcome, scores: list[float]) -> AgentLoopOutput:
        """Return the sequence with its extra fields."""
        assert self._episode.profile is not None
        messages: list[ChatMessage] = []
        for utterance, turn in self._episode.transcript:
            messages.append({"role": "user", "content": utterance})
            messages.append({"role": "assistant", "content": turn.text})

        extra = {
            "outcome": str(outcome),
            "turn_scores": scores,
            "tool_rewards": [],
            "messages": messages,
            "profile": self._episode.profile.model_dump(mode="json"),
            "env_seconds": self._env_seconds,
        }
        prompt_length = len(self._ids) - len(self._mask)
        return AgentLoopOutput(
            prompt_ids=self._ids[:prompt_length],
            response_ids=self._ids[prompt_length:],
            response_mask=self._mask,
            response_logprobs=self._logprobs or None,
            num_turns=len(messages) + 1,  # and the brief
            metrics=AgentLoopMetrics(
                generate_sequences=self._generate_seconds, tool_calls=self._env_seconds
            ),
            extra_fields={**self._extra, **extra},
        )
