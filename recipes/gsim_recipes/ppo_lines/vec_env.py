"""Adapter from Gymnasium's vector environment to stable-baselines3's ``VecEnv``."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from gsim_env.envs import VectorScriptLines

__all__ = ["ScriptLinesVecEnv"]


class ScriptLinesVecEnv(VecEnv):
    """A stable-baselines3 ``VecEnv`` over a Gymnasium vector environment of script-line calls.

    A finished call is replaced in the same step (``SameStep``).

    Args:
        env: The vector environment.
    """

    def __init__(self, env: VectorScriptLines) -> None:
        """Wrap the environment."""
        self.calls = env
        self._actions = np.zeros(env.num_envs, np.int64)
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)

    def reset(self) -> NDArray[np.float32]:
        """Start new calls with the seed last passed to ``seed``."""
        observations, _ = self.calls.reset(seed=self._seeds[0])
        self._reset_seeds()
        return observations

    def step_async(self, actions: NDArray[np.int64]) -> None:
        """Store the actions for ``step_wait``."""
        self._actions = actions

    def step_wait(
        self,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """Play one turn of every call with the actions of ``step_async``."""
        observations, rewards, terminated, truncated, vector_info = self.calls.step(self._actions)
        done = terminated | truncated

        # stable-baselines3 bootstraps the value of a truncated call, not of a terminated one.
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for row in np.flatnonzero(done):
            infos[row] = {
                "terminal_observation": vector_info["final_obs"][row],
                "TimeLimit.truncated": bool(truncated[row]),
                "outcome": str(vector_info["final_info"]["outcome"][row]),
            }
        return observations, rewards.astype(np.float32), done, infos

    def close(self) -> None:
        """Close the wrapped vector environment."""
        self.calls.close()

    def get_attr(self, attr_name: str, indices: int | Iterable[int] | None = None) -> list[Any]:
        """Return an attribute of the vector environment, repeated once per call."""
        return [getattr(self.calls, attr_name) for _ in self._get_indices(indices)]

    def set_attr(
        self, attr_name: str, value: Any, indices: int | Iterable[int] | None = None
    ) -> None:
        """Raise NotImplementedError: calls share settings that are fixed at construction."""
        raise NotImplementedError(
            f"{attr_name} cannot be set per call: pass it to gym.make_vec instead."
        )

    def env_method(
        self,
        method_name: str,
        *args: Any,
        indices: int | Iterable[int] | None = None,
        **kwargs: Any,
    ) -> list[Any]:
        """Raise NotImplementedError: calls are not environments with methods."""
        raise NotImplementedError(
            f"{method_name} cannot be called per call: use the vector environment's methods."
        )

    def env_is_wrapped(
        self,
        wrapper_class: type,  # noqa: ARG002 - part of the interface
        indices: int | Iterable[int] | None = None,
    ) -> list[bool]:
        """Return False for each call: single calls have no wrappers."""
        return [False for _ in self._get_indices(indices)]
