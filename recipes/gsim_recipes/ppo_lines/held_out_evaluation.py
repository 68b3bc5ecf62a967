"""Held-out customers, the same for everybody.

Whoever calls them, the same seeds draw the same moods.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from gsim_env.envs import ScriptLines, VectorScriptLines
from gsim_env.groups import load_group
from gsim_env.groups.bundle import read_calls
from gsim_env.profiles import CustomerProfile, ProfileConstraints
from gsim_env.simulation.drivers import drive
from gsim_env.simulation.salespeople import SalespersonFactory, UtteranceFlow
from gsim_env.util.aio import block_on

__all__ = ["ENV", "TRAINING_SEEDS", "Act", "HeldOutEvaluation", "settings"]

ENV = "GroupedSim-Telemarketing-v0"
TRAINING_SEEDS = 2**31
"""Training draws its customers from seeds from here on, the exam from seeds below."""

Act = Callable[[NDArray[np.float32]], NDArray[np.int64]]
"""A policy: observations, shape (calls, width), to actions, shape (calls,)."""


def settings(group: str, encoder: str) -> dict[str, Any]:
    """Return what training and exam make the environment with: no model words the customer."""
    return {"group": group, "encoder": encoder, "customer": "scripted", "library": "memory"}


@dataclass(frozen=True)
class HeldOutEvaluation:
    """Calls to customers that training never met.

    They are those of the group's ``held_out.jsonl``, other people than the corpus's, each called
    several times. A group without one draws each customer from its corpus, by a seed that training
    never used.

    Args:
        group: Name or path.
        encoder: The environment's.
        calls: How many.
    """

    group: str
    encoder: str
    calls: int

    @property
    def source(self) -> str:
        """Say where the customers are from."""
        return (
            "held_out.jsonl"
            if self._file.is_file()
            else "drawn from the corpus by seeds that training never used"
        )

    @property
    def customers(self) -> list[CustomerProfile]:
        """Return whom each call is to.

        Customer ``i`` of ``n`` is called in calls ``i``, ``i + n`` and so on.
        """
        group = load_group(self.group)
        if self._file.is_file():
            people = [call.profile for call in read_calls(self._file)]
            return [people[row % len(people)] for row in range(self.calls)]
        drawn = (np.random.default_rng(row) for row in range(self.calls))
        return [group.profile_generator.sample(rng, ProfileConstraints()) for rng in drawn]

    def by_policy(self, act: Act) -> NDArray[np.bool_]:
        """Have a policy call; return which calls were accepted, shape (calls,)."""
        env = VectorScriptLines(self._calls())
        return self._play(env, self._begin(env), lambda observations, _: act(observations))

    def by_team(self, policy: str) -> NDArray[np.bool_]:
        """Have the fixed salespeople of a policy (``SalespersonFactory``) call.

        Return which calls were accepted, shape (calls,).
        """
        team = SalespersonFactory(self.group, policy, self.encoder)
        people = [team.new_call("", np.random.default_rng(row)) for row in range(self.calls)]

        async def together(sayings: Sequence[UtteranceFlow]) -> list[str]:
            return await asyncio.gather(*(drive(saying, team.services) for saying in sayings))

        def say(heard: Sequence[str | None], going_on: NDArray[np.bool_]) -> list[str]:
            rows = [int(row) for row in np.flatnonzero(going_on)]
            lines = block_on(together([people[row].respond(heard[row]) for row in rows]))
            said = dict(zip(rows, lines, strict=True))
            return [said.get(row, "") for row in range(self.calls)]

        env = self._calls()
        self._begin(env)  # the brief is nothing that the customer said
        return self._play(env, [None] * self.calls, say)

    def transcript(self, call: int, act: Act) -> str:
        """Have a policy make one of the calls; return what was said."""
        env = ScriptLines(gym.make(ENV, render_mode="ansi", **settings(self.group, self.encoder)))
        observation, info = env.reset(seed=call, options={"profile": self.customers[call]})
        while info["outcome"] is None:
            observation, _, _, _, info = env.step(act(observation[None])[0])
        return str(env.render())

    @property
    def _file(self) -> Any:
        return load_group(self.group).path / "held_out.jsonl"

    def _calls(self) -> Any:
        return gym.make_vec(
            ENV, self.calls, autoreset_mode="Disabled", **settings(self.group, self.encoder)
        )

    def _begin(self, env: Any) -> Any:
        for row, customer in enumerate(
            self.customers
        ):  # reset's options are for all calls alike: one at a time
            seeds: list[int | None] = [None] * self.calls
            seeds[row] = row
            options = {"profile": customer, "reset_mask": np.arange(self.calls) == row}
            observations, _ = env.reset(seed=seeds, options=options)
        return observations

    def _play(
        self, env: Any, heard: Any, say: Callable[[Any, NDArray[np.bool_]], Any]
    ) -> NDArray[np.bool_]:
        accepted, going_on = np.zeros(self.calls, np.bool_), np.ones(self.calls, np.bool_)
        while going_on.any():
            heard, rewards, terminated, truncated, _ = env.step(say(heard, going_on))
            accepted |= rewards > 0
            going_on &= ~(terminated | truncated)
        return accepted
