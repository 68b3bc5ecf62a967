"""Wrappers with discrete actions and vector observations, for standard RL libraries.

Each action is a line of the group's script. Picking utterances from a fixed set follows hybrid code
networks (Williams, Asadi and Zweig 2017).
"""

from collections.abc import Mapping, Sequence
from typing import Any, SupportsFloat

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Discrete
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import AutoresetMode, VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from gsim_env.envs.line_observations import (
    Floats,
    Integers,
    ObservationBuilder,
    ScriptLine,
    script_lines,
)
from gsim_env.envs.telemarketing import TelemarketingEnv
from gsim_env.envs.vector import TelemarketingVectorEnv
from gsim_env.errors import ConfigurationError
from gsim_env.simulation.simulator import Simulator

__all__ = ["ScriptLine", "ScriptLines", "VectorScriptLines", "script_lines"]

Info = dict[str, Any]

ONE_CALL = np.array([True])


# Gymnasium types .env by the outer spaces, so the inner ones are Any here.
class ScriptLines(gym.Wrapper[Any, Any, str, str], RecordConstructorArgs):
    """Wrapper with discrete actions (lines of the sales script) and numeric observations.

    ## Action Space
    ``Discrete(N)``: action ``i`` says ``lines[i]``, a :class:`ScriptLine` of the group's
    ``script.toml`` with its part of the script and the concern that it answers. A line may be
    repeated, which costs the customer's patience.

    ## Observation Space
    ``Box(0, 1, (concerns + stages + N + 1,), float32)``, in this order, all of it public:

    * what the customer's last words are about: a score for each concern of the taxonomy, sorted by
      name;
    * the stage of these words: a score for each customer stage, sorted by name. Both come from
      linear probes on the environment's sentence encoder, fitted to the labeled customer turns of
      the group's corpus;
    * which lines have been said, 0 or 1, in the order of ``lines``;
    * the number of turns as a share of ``max_turns``.

    Before the first line all are 0. Rewards, endings, ``info``, ``reset(options=...)`` and
    rendering are those of :class:`~gsim_env.envs.telemarketing.TelemarketingEnv`.

    Example:
        >>> import gymnasium as gym
        >>> import gsim_env
        >>> from gsim_env.envs import ScriptLines
        >>> env = ScriptLines(gym.make("GroupedSim-Telemarketing-v0", customer="scripted"))
        >>> observation, info = env.reset(seed=0)
        >>> env.lines[0].part
        'opening'

    Args:
        env: A telemarketing environment, or a wrapper around one that keeps its texts.

    Raises:
        ConfigurationError: if ``env`` is another environment, or its group has no script.
    """

    def __init__(self, env: gym.Env[str, str]) -> None:
        """Read the script; the encoder is loaded by the first step."""
        RecordConstructorArgs.__init__(self)
        super().__init__(env)
        self._builder = ObservationBuilder(_simulator_of(env.unwrapped), 1)
        self.lines = self._builder.lines
        self.action_space = Discrete(len(self.lines))
        self.observation_space = self._builder.observation_space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Floats, Info]:
        """Start a call; arguments and errors as for ``TelemarketingEnv.reset``."""
        _, info = self.env.reset(seed=seed, options=options)
        self._builder.reset(ONE_CALL)
        return self._builder.observations()[0], info

    def step(self, action: int | np.int64) -> tuple[Floats, SupportsFloat, bool, bool, Info]:
        """Say a line and observe the customer's answer.

        Raises:
            ConfigurationError: if there is no such line; the call goes on.
            ResetNeededError: if no call is in progress.
            SimulatorError: if a model, the encoder or the database fails; the call is over, without
                a reward.
        """
        if not self.action_space.contains(action):
            raise ConfigurationError(
                f"The action must be a line's number, 0 to {len(self.lines) - 1}, got {action!r}."
            )
        text, reward, terminated, truncated, info = self.env.step(self.lines[action].text)
        self._builder.record_exchanges(ONE_CALL, np.array([action]), [text])
        return self._builder.observations()[0], reward, terminated, truncated, info


class VectorScriptLines(
    VectorWrapper[Floats, Integers, tuple[str, ...], Sequence[str], NDArray[Any]]
):
    """:class:`ScriptLines` for vector environments: wraps what ``gymnasium.make_vec`` returns.

    Actions have shape (num_envs,), observations (num_envs, width). Under ``SameStep``,
    ``info["final_obs"]`` holds the last observation of a call that ended.

    Args:
        env: A telemarketing vector environment, in either autoreset mode.

    Raises:
        ConfigurationError: if ``env`` is another environment, or its group has no script.
    """

    def __init__(self, env: VectorEnv[tuple[str, ...], Sequence[str], NDArray[Any]]) -> None:
        """Read the script; the encoder is loaded by the first step."""
        super().__init__(env)
        self._builder = ObservationBuilder(_simulator_of(env.unwrapped), env.num_envs)
        self.lines = self._builder.lines
        self.single_action_space = Discrete(len(self.lines))
        self.single_observation_space = self._builder.observation_space
        self.action_space = batch_space(self.single_action_space, env.num_envs)
        self.observation_space = batch_space(self.single_observation_space, env.num_envs)

        self._same_step = env.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
        self._active = np.zeros(env.num_envs, np.bool_)

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> tuple[Floats, Info]:
        """Start new calls; arguments and errors as for ``TelemarketingVectorEnv.reset``."""
        _, infos = self.env.reset(seed=seed, options=options)  # type: ignore[arg-type]
        mask = (options or {}).get("reset_mask", np.ones(self.num_envs, np.bool_))
        self._builder.reset(mask)
        self._active |= mask

        # With masked errors, a call that failed to start is over until the next reset.
        if not self._same_step:
            self._active &= ~infos.get("_error", np.zeros(self.num_envs, np.bool_))
        return self._builder.observations(), infos

    def step(
        self, actions: Integers
    ) -> tuple[Floats, NDArray[Any], NDArray[Any], NDArray[Any], Info]:
        """Say a line in every call and observe every answer.

        Errors as for :meth:`ScriptLines.step`.
        """
        actions = np.asarray(actions)
        if not self.action_space.contains(actions):
            raise ConfigurationError(
                f"The actions must be {self.num_envs} lines' numbers, "
                f"0 to {len(self.lines) - 1}, got {actions!r}."
            )

        utterances = [self.lines[action].text for action in actions]
        answers, rewards, terminated, truncated, infos = self.env.step(utterances)
        ended = terminated | truncated

        # Under SameStep, the answer of a call that ended is already the next call's brief.
        texts = list(answers)
        if self._same_step:
            for row in np.flatnonzero(ended):
                texts[row] = infos["final_obs"][row]

        self._builder.record_exchanges(self._active, actions, texts)
        observations = self._builder.observations()
        if self._same_step:
            observations = self._restart(ended, observations, infos)
        else:
            self._active &= ~ended
        return observations, rewards, terminated, truncated, infos

    def _restart(self, ended: NDArray[np.bool_], observations: Floats, infos: Info) -> Floats:
        """Move the last observations of ended calls to ``infos``; return the new calls'."""
        if not ended.any():
            return observations

        final = np.full(self.num_envs, None, dtype=object)
        for row in np.flatnonzero(ended):
            final[row] = observations[row].copy()
        infos["final_obs"] = final
        self._builder.reset(ended)
        return self._builder.observations()


def _simulator_of(env: object) -> Simulator:
    """Return the simulator of a telemarketing environment.

    Raises:
        ConfigurationError: if it is another environment.
    """
    if not isinstance(env, TelemarketingEnv | TelemarketingVectorEnv):
        raise ConfigurationError(
            f"Script lines need a GroupedSim-Telemarketing environment, got {env!r}."
        )
    return env.simulator
