"""Agent loop ``gsim_customer``: the policy is the customer, the salesperson is frozen."""

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

from gsim_env.errors import SimulatorError
from gsim_env.models import Completion, CompletionRequest
from gsim_env.simulation.conversation import Answer, Request
from gsim_env.simulation.drivers import Services, arun, drive
from gsim_env.simulation.prompts import SILENCE, spoken
from verl_plugins.agent_loops.settings import (
    SimulatedCallSettings,
    shared_salesperson_factory,
    shared_simulator,
)

__all__ = ["CustomerAgentLoop"]

logger = logging.getLogger(__name__)


@register("gsim_customer")
class CustomerAgentLoop(AgentLoopBase):
    """verl agent loop that trains the customer: one sequence per turn of a simulated call.

    A sequence's prompt is the one that the simulator sends. The guidance is the prompt's last
    message; later prompts do not repeat it. verl gives each turn the reward of its call, and
    compares calls, not turns, within a GRPO group. The row's ``extra_info["seed"]`` determines
    customer, state and salesperson. Extra fields: ``outcome``, ``messages`` (the customer as
    ``assistant``), ``profile``, ``env_seconds`` (time spent in the simulator).
    """

    async def run(
        self, sampling_params: dict[str, Any], extra_info: dict[str, Any], **_: Any
    ) -> list[AgentLoopOutput]:
        """Simulate a call with the policy as the customer.

        Returns:
            One sequence per response of the policy, or an empty list if the simulator failed: verl
            then leaves the sample out of its group.
        """
        settings = SimulatedCallSettings.from_verl_config(self.config)
        try:
            return await self._play(settings, sampling_params, int(extra_info["seed"]))
        except SimulatorError as error:
            logger.warning(
                "The call with seed %s failed and is left out: %s", extra_info["seed"], error
            )
            return []

    async def _play(
        self, settings: SimulatedCallSettings, sampling: dict[str, Any], seed: int
    ) -> list[AgentLoopOutput]:
        start = time.perf_counter()
        simulator = shared_simulator(settings)
        salespeople = shared_salesperson_factory(settings)

        # Draw the customer, then the salesperson.
        rng, _ = seeding.np_random(seed)
        profile = await simulator.draw_profile(rng, {})
        salesperson = salespeople.new_call(simulator.brief(profile), rng.spawn(1)[0])

        policy = _PolicyServices(self, simulator.services, sampling, settings.turn_tokens)
        conversation = simulator.start(profile, rng)
        turn = await arun(conversation, None, policy)
        messages: list[dict[str, str]] = []
        while turn.outcome is None:
            heard = turn.text if messages else None
            utterance = await drive(salesperson.respond(heard), salespeople.services)
            turn = await arun(conversation, utterance, policy)
            messages.append({"role": "user", "content": utterance})
            messages.append({"role": "assistant", "content": turn.text})

        env_seconds = time.perf_counter() - start - policy.seconds
        extra = {
            "outcome": str(turn.outcome),
            "turn_scores": [],
            "tool_rewards": [],
            "messages": messages,
            "profile": profile.model_dump(mode="json"),
            "env_seconds": env_seconds,
        }
        for output in policy.outputs:
            output.num_turns = len(messages)
            output.metrics.tool_calls = env_seconds
            output.extra_fields |= extra
        return policy.outputs


class _PolicyServices:
    """The simulator's services, with the policy as the customer's language model.

    An empty response of the policy becomes silence, not an error: the reward must punish it.

    Attributes:
        outputs: One sequence per response of the policy.
        seconds: Time spent generating.
    """

    def __init__(
        self,
        loop: CustomerAgentLoop,
        services: Services,
        sampling: dict[str, Any],
        turn_tokens: int,
    ) -> None:
        self._loop = loop
        self._services = services
        max_tokens = min(turn_tokens, int(loop.rollout_config.response_length))
        self._sampling = {**sampling, "max_tokens": max_tokens}
        self._request_id = uuid4().hex
        self.outputs: list[AgentLoopOutput] = []
        self.seconds = 0.0

    async def answer(self, request: Request) -> Answer:
        """Answer a request of the simulated conversation; the policy answers as the customer."""
        if isinstance(request, CompletionRequest) and request.role == "customer":
            return await self._complete(request)
        return await self._services.answer(request)

    async def _complete(self, request: CompletionRequest) -> Completion:
        start = time.perf_counter()
        messages = [dict(message) for message in request.messages]
        prompt_ids = await self._loop.ct_build_initial_tokens(messages)
        output = await self._loop.server_manager.generate(
            request_id=self._request_id, prompt_ids=prompt_ids, sampling_params=self._sampling
        )
        seconds = time.perf_counter() - start
        self.seconds += seconds

        self.outputs.append(
            AgentLoopOutput(
                prompt_ids=prompt_ids,
                response_ids=output.token_ids,
                response_mask=[1] * len(output.token_ids),
                response_logprobs=output.log_probs,
                metrics=AgentLoopMetrics(generate_sequences=seconds),
                extra_fields=dict(output.extra_fields),
            )
        )
        text = self._loop.tokenizer.decode(output.token_ids, skip_special_tokens=True)
        return Completion(spoken(text) or SILENCE, len(prompt_ids), 0, len(output.token_ids))
