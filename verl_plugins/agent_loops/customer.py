"""The agent loop ``gsim_customer``.

The policy under training is the customer, guided by the Manager; the seller is frozen.
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

from gsim_env.errors import SimulatorError
from gsim_env.models import Complete, Completion
from gsim_env.simulation.conversation import Answer, Request
from gsim_env.simulation.drivers import Services, arun, drive
from gsim_env.simulation.prompts import SILENCE, spoken
from verl_plugins.agent_loops.settings import (
    CallSettings,
    shared_salesperson_factory,
    shared_simulator,
)

__all__ = ["CustomerLoop"]

logger = logging.getLogger(__name__)


@register("gsim_customer")
class CustomerLoop(AgentLoopBase):
    """One call as one sequence a turn, each with the very prompt that the simulator sends.

    Guidance last, not repeated later.

    verl gives the reward of the call to each of its turns, and compares calls, not turns, within a
    GRPO group. The row's ``extra_info["seed"]`` decides customer, state and salesperson. Extra
    fields: ``outcome``, ``messages`` (the customer as ``assistant``), ``profile``, ``env_seconds``.
    """

    async def run(
        self, sampling_params: dict[str, Any], extra_info: dict[str, Any], **_: Any
    ) -> list[AgentLoopOutput]:
        """Play a call.

        Returns:
            A sequence for each answer of the policy; none, if the simulator failed: verl leaves the
            sample out of its group.
        """
        settings = CallSettings.of(self.config)
        try:
            return await self._play(settings, sampling_params, int(extra_info["seed"]))
        except SimulatorError as error:
            logger.warning(
                "The call of seed %s failed and is left out: %s", extra_info["seed"], error
            )
            return []

    async def _play(
        self, settings: CallSettings, sampling: dict[str, Any], seed: int
    ) -> list[AgentLoopOutput]:
        start = time.perf_counter()
        simulator, team = shared_simulator(settings), shared_salesperson_factory(settings)
        rng, _ = seeding.np_random(seed)
        profile = await simulator.draw_profile(rng, {})
        salesperson = team.new_call(simulator.brief(profile), rng.spawn(1)[0])
        policy = PolicyServices(self, simulator.services, sampling, settings.turn_tokens)
        steps = simulator.start(profile, rng)
        turn = await arun(steps, None, policy)
        call: list[dict[str, str]] = []
        while turn.outcome is None:
            said = await drive(salesperson.respond(turn.text if call else None), team.services)
            turn = await arun(steps, said, policy)
            call += [{"role": "user", "content": said}, {"role": "assistant", "content": turn.text}]
        seconds = time.perf_counter() - start - policy.seconds
        extra = {
            "outcome": str(turn.outcome),
            "turn_scores": [],
            "tool_rewards": [],
            "messages": call,
            "profile": profile.model_dump(mode="json"),
            "env_seconds": seconds,
        }
        for output in policy.outputs:
            output.num_turns = len(call)
            output.metrics.tool_calls = seconds
            output.extra_fields |= extra
        return policy.outputs


class PolicyServices:
    """A simulator's services, but for the customer's words.

    Those the policy draws, and what it drew is kept.

    A policy that says nothing is heard as silence: its failure, not the simulator's, and the reward
    tells it so.
    """

    def __init__(
        self, loop: CustomerLoop, shared: Services, sampling: dict[str, Any], most: int
    ) -> None:
        self._loop, self._shared = loop, shared
        self._sampling = {
            **sampling,
            "max_tokens": min(most, int(loop.rollout_config.response_length)),
        }
        self._request = uuid4().hex
        self.outputs: list[AgentLoopOutput] = []
        self.seconds = 0.0

    async def answer(self, request: Request) -> Answer:
        """Answer one request of the conversation."""
        if isinstance(request, Complete) and request.role == "customer":
            return await self._complete(request)
        return await self._shared.answer(request)

    async def _complete(self, request: Complete) -> Completion:
        start = time.perf_counter()
        prompt = await self._loop.ct_build_initial_tokens(
            [dict(message) for message in request.messages]
        )
        drawn = await self._loop.server_manager.generate(
            request_id=self._request, prompt_ids=prompt, sampling_params=self._sampling
        )
        spent = time.perf_counter() - start
        self.seconds += spent
        self.outputs.append(
            AgentLoopOutput(
                prompt_ids=prompt,
                response_ids=drawn.token_ids,
                response_mask=[1] * len(drawn.token_ids),
                response_logprobs=drawn.log_probs,
                metrics=AgentLoopMetrics(generate_sequences=spent),
                extra_fields=dict(drawn.extra_fields),
            )
        )
        text = self._loop.tokenizer.decode(drawn.token_ids, skip_special_tokens=True)
        return Completion(spoken(text) or SILENCE, len(prompt), 0, len(drawn.token_ids))
