"""Our vector environment as stable-baselines3 wants it.

Its ``VecEnv`` is older than Gymnasium's and differs in the infos.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from gsim_env.envs import VectorScriptLines

__all__ = ["CallsInStep"]


class CallsInStep(VecEnv):
    """Calls in step, a call that ends followed by a new one at once (``SameStep``).

    Args:
        env: The calls.
    """

    def __init__(self, env: VectorScriptLines) -> None:
        """Wrap them."""
        self.calls = env
        self._actions = np.zeros(env.num_envs, np.int64)
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)

    def reset(self) -> NDArray[np.float32]:
        """Begin new calls, by the number that ``seed`` was given last."""
        observations, _ = self.calls.reset(seed=self._seeds[0])
        self._reset_seeds()
        return observations

    def step_async(self, actions: NDArray[np.int64]) -> None:
        """Remember what to say."""
        self._actions = actions

    def step_wait(
        self,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """Say it."""
        observations, rewards, terminated, truncated, found = self.calls.step(self._actions)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for row in np.flatnonzero(terminated | truncated):
            # a truncated call's value is bootstrapped, an ended one's is not
            infos[row] = {
                "terminal_observation": found["final_obs"][row],
                "TimeLimit.truncated": bool(truncated[row]),
                "outcome": str(found["final_info"]["outcome"][row]),
            }
        return observations, rewards.astype(np.float32), terminated | truncated, infos

    def close(self) -> None:
        """Close the calls."""
        self.calls.close()

    def get_attr(self, attr_name: str, indices: int | Iterable[int] | None = None) -> list[Any]:
        """Return an attribute, which all calls share, once for each."""
        return [getattr(self.calls, attr_name) for _ in self._get_indices(indices)]

    def set_attr(
        self, attr_name: str, value: Any, indices: int | Iterable[int] | None = None
    ) -> None:
        """Refuse: the calls share their settings."""
        raise NotImplementedError(f"{attr_name} is set as the calls are made")

    def env_method(
        self,
        method_name: str,
        *args: Any,
        indices: int | Iterable[int] | None = None,
        **kwargs: Any,
    ) -> list[Any]:
        """Refuse: no call stands alone."""
        raise NotImplementedError(f"{method_name} would have to be called on one of calls in step")

    def env_is_wrapped(
        self,
        wrapper_class: type,  # noqa: ARG002 - part of the interface
        indices: int | Iterable[int] | None = None,
    ) -> list[bool]:
        """Return False: nothing wraps a single call."""
        return [False for _ in self._get_indices(indices)]
