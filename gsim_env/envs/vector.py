"""The vector environment: many calls that advance together, with batched model requests."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, TypeVar, Unpack

import numpy as np
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from gsim_env.envs.episode import Episode, Info, StepResult
from gsim_env.envs.rewards import StepReward
from gsim_env.envs.telemarketing import MAX_OBSERVATION_CHARS
from gsim_env.errors import ConfigurationError, ResetNeededError, SimulatorError, unknown_name_error
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

AUTORESET_MODES = {mode.value: mode for mode in (AutoresetMode.SAME_STEP, AutoresetMode.DISABLED)}
ERROR_MODES = ("raise", "mask")


class TelemarketingVectorEnv(VectorEnv[Observations, Sequence[str], NDArray[Any]]):
    """Vector environment: ``num_envs`` concurrent calls with simulated customers.

    Made by ``gymnasium.make_vec("GroupedSim-Telemarketing-v0", num_envs=...)``.

    Observations and actions are tuples of ``str``. Call ``i`` with ``reset(seed=s)`` is the single
    environment's call with seed ``s + i``.

    Args:
        num_envs: Number of calls.
        reward: As for :class:`~gsim_env.envs.telemarketing.TelemarketingEnv`.
        gamma: As for ``TelemarketingEnv``.
        reveal: As for ``TelemarketingEnv``.
        autoreset_mode: ``"SameStep"`` (default): a call that ends is followed by a new one at once;
            its last words are in ``info["final_obs"]``, their info in ``info["final_info"]``.
            ``"Disabled"``: reset ended calls with ``options={"reset_mask": mask}``. (Next-step
            autoreset would discard one utterance of the policy per episode.)
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
        mode = autoreset_mode.value if isinstance(autoreset_mode, AutoresetMode) else autoreset_mode
        if mode not in AUTORESET_MODES:
            raise unknown_name_error("autoreset mode", mode, AUTORESET_MODES)
        if on_error not in ERROR_MODES:
            raise unknown_name_error("on_error", on_error, ERROR_MODES)
        if num_envs < 1:
            raise ConfigurationError(f"num_envs must be at least 1, got {num_envs}.")

        self.num_envs = num_envs
        self.simulator = Simulator(SimulatorConfig(**simulator))
        self._autoreset = AUTORESET_MODES[mode]
        self._mask_errors = on_error == "mask"
        self.metadata = {"render_modes": [], "autoreset_mode": self._autoreset}

        self.single_action_space = Utterance(MAX_UTTERANCE_CHARS)
        self.single_observation_space = Utterance(MAX_OBSERVATION_CHARS)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.observation_space = batch_space(self.single_observation_space, num_envs)

        self._episodes = [
            Episode(self.simulator, StepReward(reward, gamma), reveal=reveal)
            for _ in range(num_envs)
        ]
        self._rngs = [seeding.np_random()[0] for _ in range(num_envs)]
        self._observations = [""] * num_envs
        self._over = np.ones(num_envs, dtype=np.bool_)

        # Calls that failed to start: under SameStep, the next step masks them and starts new ones.
        self._failed_resets: dict[int, SimulatorError] = {}

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> tuple[Observations, Info]:
        """Start new calls: all of them, or those of ``options["reset_mask"]``.

        Args:
            seed: One number ``s`` (call ``i`` gets ``s + i``), one for each call, or ``None`` to
                continue the random streams.
            options: ``reset_mask`` (a boolean array, shape (num_envs,)), and the options of the
                single environment's ``reset``, for all calls alike.

        Raises:
            ConfigurationError: if an option is not legal.
            SimulatorError: if a service fails, and ``on_error`` is ``"raise"``.
        """
        seeds = self._seeds(seed)
        options = dict(options or {})
        indices = np.flatnonzero(self._checked_mask(options.pop("reset_mask", None)))
        for i in indices:
            if seeds[i] is not None:
                self._rngs[i], _ = seeding.np_random(seeds[i])

        infos: Info = {}
        self._start_calls(indices, options, infos)
        return tuple(self._observations), infos

    def step(self, actions: Sequence[str]) -> tuple[Observations, Floats, Bools, Bools, Info]:
        """Send one utterance per call and return every customer's answer.

        Under ``Disabled``, the utterance in a call that is over is ignored: its reward is 0 and its
        flags are False.

        Raises:
            ConfigurationError: if the number of actions is wrong.
            ResetNeededError: if no call is in progress.
            UtteranceError: if an action is not a ``str``; no call has moved.
            SimulatorError: if a service fails, and ``on_error`` is ``"raise"``.
        """
        self._check_actions(actions)
        results = self._step_calls(actions)

        rewards = np.zeros(self.num_envs)
        terminated = np.zeros(self.num_envs, np.bool_)
        truncated = np.zeros(self.num_envs, np.bool_)
        infos: Info = {}
        same_step = self._autoreset is AutoresetMode.SAME_STEP
        for i, result in results.items():
            text, rewards[i], terminated[i], truncated[i], info = result
            self._observations[i] = text
            if same_step and (terminated[i] or truncated[i]):
                info = {"final_obs": text, "final_info": info}
            self._add_info(infos, info, i)

        ended = terminated | truncated
        self._over |= ended
        if same_step and ended.any():
            indices = np.array([i for i in results if ended[i]])
            self._start_calls(indices, {}, infos)
        return tuple(self._observations), rewards, terminated, truncated, infos

    def _step_calls(self, actions: Sequence[str]) -> dict[int, StepResult]:
        """Step the calls in progress; return their results, and those of failed resets."""
        active = [i for i in range(self.num_envs) if not self._over[i]]
        same_step = self._autoreset is AutoresetMode.SAME_STEP
        failed = dict(self._failed_resets) if same_step else {}
        if not active and not failed:
            raise ResetNeededError("No call is in progress. Call reset() first.")

        answers = self._gather([self._episodes[i].step(actions[i]) for i in active])
        results = zip([*active, *failed], [*answers, *failed.values()], strict=True)
        return {i: self._masked(result) for i, result in results}

    def _start_calls(
        self, indices: NDArray[np.intp], options: Mapping[str, Any], infos: Info
    ) -> None:
        """Start new calls at these indices; add their info to ``infos``."""
        resets = [self._episodes[i].reset(self._rngs[i], options) for i in indices]
        for index, result in zip(indices, self._gather(resets), strict=True):
            i = int(index)
            self._failed_resets.pop(i, None)
            self._over[i] = isinstance(result, SimulatorError)
            if isinstance(result, SimulatorError):
                self._failed_resets[i] = result
                self._observations[i] = ""
                info: Info = {"turn": 0, "outcome": None, "error": str(result)}
            else:
                self._observations[i], info = result
            self._add_info(infos, info, i)

    def _gather(self, calls: Sequence[Awaitable[T]]) -> list[T | SimulatorError]:
        """Await all calls and return their results.

        With masked errors, a SimulatorError takes the place of its call's result; any other error
        is raised.
        """

        async def gather() -> list[T | BaseException]:
            return await asyncio.gather(*calls, return_exceptions=True)

        results: list[T | SimulatorError] = []
        for result in block_on(gather()):
            if isinstance(result, SimulatorError) and self._mask_errors:
                results.append(result)
            elif isinstance(result, BaseException):
                raise result
            else:
                results.append(result)
        return results

    @staticmethod
    def _masked(result: StepResult | SimulatorError) -> StepResult:
        """Return the result of a step; that of a failed one is truncated, with reward NaN."""
        if isinstance(result, SimulatorError):
            return "", float("nan"), False, True, {"outcome": None, "error": str(result)}
        return result

    def _check_actions(self, actions: Sequence[str]) -> None:
        if len(actions) != self.num_envs:
            raise ConfigurationError(
                f"{self.num_envs} actions are expected, one for each call, got {len(actions)}."
            )
        for action in actions:
            check_utterance(action)

    def _seeds(self, seed: int | Sequence[int | None] | None) -> list[int | None]:
        """Return each call's seed; ``None`` to continue its random stream."""
        if isinstance(seed, int):
            return [seed + i for i in range(self.num_envs)]

        seeds = list(seed or ()) or [None] * self.num_envs
        if len(seeds) != self.num_envs:
            raise ConfigurationError(f"seed must hold {self.num_envs} numbers, got {len(seeds)}.")
        return seeds

    def _checked_mask(self, mask: Any) -> Bools:
        if mask is None:
            return np.ones(self.num_envs, dtype=np.bool_)

        is_boolean = isinstance(mask, np.ndarray) and mask.dtype == np.bool_
        if not is_boolean or mask.shape != (self.num_envs,) or not mask.any():
            raise ConfigurationError(
                f"reset_mask must be a boolean array of shape ({self.num_envs},) "
                f"with at least one True, got {mask!r}."
            )
        checked: Bools = mask
        return checked
