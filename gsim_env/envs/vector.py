"""Many calls at once.

Model calls of all of them go out together, instead of one after the other.
"""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, TypeVar, Unpack

import numpy as np
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from gsim_env.envs.episode import Episode, Info, StepResult
from gsim_env.envs.rewards import Reward
from gsim_env.envs.telemarketing import MAX_OBSERVATION_CHARS
from gsim_env.errors import ConfigurationError, ResetNeededError, SimulatorError, unknown
from gsim_env.simulation.config import SimulatorConfig, SimulatorOptions
from gsim_env.simulation.simulator import Simulator
from gsim_env.simulation.utterance import MAX_UTTERANCE_CHARS, check_utterance
from gsim_env.spaces import Utterance
from gsim_env.util.aio import block_on

__all__ = ["TelemarketingVectorEnv"]

Observations = tuple[str, ...]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
T = TypeVar("T")


class TelemarketingVectorEnv(VectorEnv[Observations, Sequence[str], NDArray[Any]]):
    """``num_envs`` calls in step.

    Made by ``gymnasium.make_vec("GroupedSim-Telemarketing-v0", num_envs=...)``.

    Observations and actions are tuples of ``str``. Call ``i`` with ``reset(seed=s)`` is the single
    environment's call with seed ``s + i``.

    Args:
        num_envs: Number of calls.
        reward: As for :class:`~gsim_env.envs.telemarketing.TelemarketingEnv`.
        gamma: As for ``TelemarketingEnv``.
        reveal: As for ``TelemarketingEnv``.
        autoreset_mode: ``"SameStep"`` (default): a call that ends is followed by a new one at once;
            the last words are in ``info["final_obs"]``, their info in ``info["final_info"]``.
            ``"Disabled"``: reset ended calls with ``options={"reset_mask": mask}``. (Next-step
            autoreset would throw an utterance of the policy away each episode.)
        on_error: ``"raise"`` (default): a SimulatorError of any call is raised. ``"mask"``: that
            call is truncated with reward NaN and the message in ``info["error"]``
            (``info["final_info"]["error"]`` under ``"SameStep"``); the others go on. Mask such
            samples in training.
        **simulator: The fields of :class:`~gsim_env.simulation.config.SimulatorConfig`.

    Raises:
        ConfigurationError: if an argument is not legal.
    """

    def __init__(
        self,
        num_envs: int = 1,
        *,
        reward: str = "outcome",
        gamma: float = 1.0,
        reveal: bool = False,
        autoreset_mode: str | AutoresetMode = AutoresetMode.SAME_STEP,
        on_error: str = "raise",
        **simulator: Unpack[SimulatorOptions],
    ) -> None:
        """Check the configuration; models are loaded by the first reset."""
        legal = {mode.value: mode for mode in (AutoresetMode.SAME_STEP, AutoresetMode.DISABLED)}
        name = autoreset_mode.value if isinstance(autoreset_mode, AutoresetMode) else autoreset_mode
        if name not in legal:
            raise unknown("autoreset mode", name, legal)
        if on_error not in ("raise", "mask"):
            raise unknown("on_error", on_error, ("raise", "mask"))
        if num_envs < 1:
            raise ConfigurationError(f"num_envs must be at least 1, got {num_envs}.")
        self.num_envs, self._autoreset, self._mask_errors = (
            num_envs,
            legal[name],
            on_error == "mask",
        )
        self.metadata = {"render_modes": [], "autoreset_mode": self._autoreset}
        self.single_action_space = Utterance(MAX_UTTERANCE_CHARS)
        self.single_observation_space = Utterance(MAX_OBSERVATION_CHARS)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.simulator = Simulator(SimulatorConfig(**simulator))
        self._episodes = [
            Episode(self.simulator, Reward(reward, gamma), reveal=reveal) for _ in range(num_envs)
        ]
        self._rngs = [seeding.np_random()[0] for _ in range(num_envs)]
        self._observations = [""] * num_envs
        self._unbegun: dict[
            int, SimulatorError
        ] = {}  # calls whose reset failed: the next step masks and resets them
        self._over = np.ones(num_envs, dtype=np.bool_)

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> tuple[Observations, Info]:
        """Begin new calls, all of them or those of ``options["reset_mask"]`` (a boolean array,
        shape (num_envs,)).

        Args:
            seed: One number ``s`` (call ``i`` gets ``s + i``), one for each call, or ``None`` to go
                on drawing.
            options: ``reset_mask``, and what the single environment's ``reset`` takes, for all
                calls alike.

        Raises:
            ConfigurationError: if an option is not legal.
            SimulatorError: if a service fails, and ``on_error`` is ``"raise"``.
        """
        seeds = (
            [seed + i for i in range(self.num_envs)] if isinstance(seed, int) else list(seed or ())
        )
        if seeds and len(seeds) != self.num_envs:
            raise ConfigurationError(f"seed must hold {self.num_envs} numbers, got {len(seeds)}.")
        options = dict(options or {})
        mask = self._checked_mask(options.pop("reset_mask", None))
        for i in np.flatnonzero(mask):
            if seeds and seeds[i] is not None:
                self._rngs[i], _ = seeding.np_random(seeds[i])
        infos: Info = {}
        self._begin(np.flatnonzero(mask), options, infos)
        return tuple(self._observations), infos

    def step(self, actions: Sequence[str]) -> tuple[Observations, Floats, Bools, Bools, Info]:
        """Say something in every call and hear every answer.

        Under ``Disabled``, what is said in a call that is over is not heard: its reward is 0 and
        its flags are False.

        Raises:
            ConfigurationError: if the number of actions is wrong.
            ResetNeededError: if no call is in progress.
            UtteranceError: if an action is not a ``str``; no call has moved.
            SimulatorError: if a service fails, and ``on_error`` is ``"raise"``.
        """
        if len(actions) != self.num_envs:
            raise ConfigurationError(
                f"{self.num_envs} actions are expected, one for each call, got {len(actions)}."
            )
        for action in actions:
            check_utterance(action)
        active = [i for i in range(self.num_envs) if not self._over[i]]
        unbegun = dict(self._unbegun) if self._autoreset is AutoresetMode.SAME_STEP else {}
        if not active and not unbegun:
            raise ResetNeededError("No call is in progress. Call reset() first.")
        rewards = np.zeros(self.num_envs)
        terminated, truncated = np.zeros(self.num_envs, np.bool_), np.zeros(self.num_envs, np.bool_)
        infos: Info = {}
        ended: list[int] = []
        results = [
            *self._gather([self._episodes[i].step(actions[i]) for i in active]),
            *unbegun.values(),
        ]
        for i, result in zip([*active, *unbegun], results, strict=True):
            words, rewards[i], terminated[i], truncated[i], info = self._masked(result)
            self._observations[i] = words
            if (terminated[i] or truncated[i]) and self._autoreset is AutoresetMode.SAME_STEP:
                ended.append(i)
                info = {"final_obs": words, "final_info": info}
            self._add_info(infos, info, i)
        self._over = terminated | truncated | self._over
        if ended:
            self._begin(np.array(ended), {}, infos)
        return tuple(self._observations), rewards, terminated, truncated, infos

    def _begin(self, indices: NDArray[np.intp], options: Mapping[str, Any], infos: Info) -> None:
        resets = [self._episodes[i].reset(self._rngs[i], options) for i in indices]
        for i, result in zip(indices, self._gather(resets), strict=True):
            self._unbegun.pop(int(i), None)
            if isinstance(result, SimulatorError):
                self._unbegun[int(i)] = result
                self._observations[i], info = "", {"turn": 0, "outcome": None, "error": str(result)}
            else:
                self._observations[i], info = result
            self._over[i] = isinstance(result, SimulatorError)
            self._add_info(infos, info, int(i))

    def _gather(self, calls: Sequence[Awaitable[T]]) -> list[T | SimulatorError]:
        """Await all.

        A SimulatorError stands in its call's place if errors are masked, anything else is raised.
        """

        async def together() -> list[T | BaseException]:
            return await asyncio.gather(*calls, return_exceptions=True)

        results: list[T | SimulatorError] = []
        for result in block_on(together()):
            if isinstance(result, SimulatorError) and self._mask_errors:
                results.append(result)
            elif isinstance(result, BaseException):
                raise result
            else:
                results.append(result)
        return results

    @staticmethod
    def _masked(result: StepResult | SimulatorError) -> StepResult:
        if isinstance(result, SimulatorError):
            return "", float("nan"), False, True, {"outcome": None, "error": str(result)}
        return result

    def _checked_mask(self, mask: Any) -> Bools:
        if mask is None:
            return np.ones(self.num_envs, dtype=np.bool_)
        if (
            not isinstance(mask, np.ndarray)
            or mask.dtype != np.bool_
            or mask.shape != (self.num_envs,)
            or not mask.any()
        ):
            raise ConfigurationError(
                f"reset_mask must be a boolean array of shape ({self.num_envs},) with at least one True, got {mask!r}."
            )
        return mask
