"""Held-out evaluation of policies: calls to customers not seen in training, with fixed seeds."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from gsim_env.envs import ScriptLines, VectorScriptLines
from gsim_env.groups import load_group
from gsim_env.groups.bundle import read_recorded_calls
from gsim_env.profiles import CustomerProfile, ProfileConstraints
from gsim_env.simulation.drivers import drive
from gsim_env.simulation.salespeople import SalespersonFactory, UtteranceFlow
from gsim_env.util.aio import block_on

__all__ = ["ENV_ID", "TRAINING_SEEDS", "HeldOutEvaluation", "Policy", "scripted_env_settings"]

ENV_ID = "GroupedSim-Telemarketing-v0"

TRAINING_SEEDS = 2**31
"""Training draws its customers with seeds from here on, the evaluation with smaller seeds."""

Policy = Callable[[NDArray[np.float32]], NDArray[np.int64]]
"""Observations, shape (calls, width), to actions, shape (calls,)."""


def scripted_env_settings(group: str, encoder: str) -> dict[str, Any]:
    """Return ``gym.make`` arguments for calls to ``scripted`` customers, without a model."""
    return {"group": group, "encoder": encoder, "customer": "scripted", "library": "memory"}


@dataclass(frozen=True)
class HeldOutEvaluation:
    """Evaluation of policies by calls to the same held-out customers with the same seeds.

    The customers are those of the group's ``held_out.jsonl``, who are not in its corpus; each is
    called several times. For a group without that file, each customer is drawn from the corpus with
    a seed that training does not use.

    Args:
        group: Name or path of the group.
        encoder: The environment's encoder.
        calls: The number of calls.
    """

    group: str
    encoder: str
    calls: int

    @property
    def customer_source(self) -> str:
        """A phrase that says which data the held-out customers come from."""
        if self._file.is_file():
            return "held_out.jsonl"
        return "drawn from the corpus by seeds that training never used"

    @property
    def customers(self) -> list[CustomerProfile]:
        """The profile of the customer of each call; ``n`` customers take turns in a fixed order."""
        if self._file.is_file():
            people = [call.profile for call in read_recorded_calls(self._file)]
            return [people[row % len(people)] for row in range(self.calls)]

        generator = load_group(self.group).profile_generator
        return [
            generator.sample(np.random.default_rng(row), ProfileConstraints())
            for row in range(self.calls)
        ]

    def play_with_policy(self, policy: Policy) -> NDArray[np.bool_]:
        """Play the calls with a policy; return which ended in acceptance, shape (calls,)."""
        env = VectorScriptLines(self._make_env())
        observations = self._reset(env)
        return self._play(env, observations, lambda observations, _: policy(observations))

    def play_with_salespeople(self, name: str) -> NDArray[np.bool_]:
        """Play the calls with a baseline of :class:`SalespersonFactory`, such as "pitching".

        Return which calls ended in acceptance, shape (calls,).
        """
        factory = SalespersonFactory(self.group, name, self.encoder)
        salespeople = [
            factory.new_call("", np.random.default_rng(row)) for row in range(self.calls)
        ]

        async def drive_all(flows: Sequence[UtteranceFlow]) -> list[str]:
            return await asyncio.gather(*(drive(flow, factory.services) for flow in flows))

        def respond(heard: Sequence[str | None], active: NDArray[np.bool_]) -> list[str]:
            rows = [int(row) for row in np.flatnonzero(active)]
            flows = [salespeople[row].respond(heard[row]) for row in rows]
            utterances = dict(zip(rows, block_on(drive_all(flows)), strict=True))
            return [utterances.get(row, "") for row in range(self.calls)]

        env = self._make_env()
        self._reset(env)
        # The salespeople start without an observation: the brief is no customer utterance.
        return self._play(env, [None] * self.calls, respond)

    def transcribe_call(self, call: int, policy: Policy) -> str:
        """Play one of the calls with a policy and return its transcript as text."""
        settings = scripted_env_settings(self.group, self.encoder)
        env = ScriptLines(gym.make(ENV_ID, render_mode="ansi", **settings))

        observation, info = env.reset(seed=call, options={"profile": self.customers[call]})
        while info["outcome"] is None:
            observation, _, _, _, info = env.step(policy(observation[None])[0])
        return str(env.render())

    @property
    def _file(self) -> Path:
        return load_group(self.group).path / "held_out.jsonl"

    def _make_env(self) -> Any:
        settings = scripted_env_settings(self.group, self.encoder)
        return gym.make_vec(ENV_ID, self.calls, autoreset_mode="Disabled", **settings)

    def _reset(self, env: Any) -> Any:
        # Reset options apply to all calls alike, so each call is reset alone with its customer.
        for row, customer in enumerate(self.customers):
            seeds: list[int | None] = [None] * self.calls
            seeds[row] = row
            options = {"profile": customer, "reset_mask": np.arange(self.calls) == row}
            observations, _ = env.reset(seed=seeds, options=options)
        return observations

    def _play(
        self,
        env: Any,
        observations: Any,
        choose_actions: Callable[[Any, NDArray[np.bool_]], Any],
    ) -> NDArray[np.bool_]:
        accepted = np.zeros(self.calls, np.bool_)
        active = np.ones(self.calls, np.bool_)
        while active.any():
            actions = choose_actions(observations, active)
            observations, rewards, terminated, truncated, _ = env.step(actions)
            accepted |= rewards > 0
            active &= ~(terminated | truncated)
        return accepted
