"""PPO training of a salesperson policy, with checkpoints."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.utils import set_random_seed
from tqdm import tqdm

from gsim_env.envs import VectorScriptLines
from gsim_env.errors import ConfigurationError
from gsim_env.groups import load_group
from gsim_env.util.files import write_atomically
from gsim_recipes.ppo_lines.held_out_evaluation import (
    ENV_ID,
    TRAINING_SEEDS,
    HeldOutEvaluation,
    Policy,
    scripted_env_settings,
)
from gsim_recipes.ppo_lines.vec_env import ScriptLinesVecEnv

__all__ = ["CALLS", "CHUNK", "LINES", "PPO_SETTINGS", "PPOSalesAgent", "train_sales_agent"]

CALLS = 64
"""Calls played in parallel."""

LINES = 16
"""Lines said in each call between two policy updates."""

CHUNK = 20 * CALLS * LINES
"""Lines between two points of the curve, which each write a checkpoint."""

GAMMA = 1.0
"""Calls are short and end; the shaped reward is neutral only with the learner's own discount."""

PPO_SETTINGS: dict[str, Any] = {
    "n_steps": LINES,
    "batch_size": 256,
    "n_epochs": 10,
    "learning_rate": 1e-3,
    "gamma": GAMMA,
    "gae_lambda": 0.98,
    "ent_coef": 0.003,
    "policy_kwargs": {"net_arch": [128, 128]},
}

CHECKPOINT = "progress.json"


class PPOSalesAgent:
    """A PPO policy (stable-baselines3) that sells by picking script lines, and its training.

    Args:
        group: Name or path of the group to call.
        encoder: The environment's encoder.
        seed: Seeds everything random.
    """

    def __init__(self, group: str, encoder: str, seed: int) -> None:
        """Create an untrained policy."""
        settings = scripted_env_settings(group, encoder)
        calls = gym.make_vec(ENV_ID, CALLS, reward="shaped", gamma=GAMMA, **settings)
        self._env = ScriptLinesVecEnv(VectorScriptLines(calls))
        self.seed = seed
        self.curve: list[dict[str, float]] = []
        self.model = PPO("MlpPolicy", self._env, seed=seed, device="cpu", **PPO_SETTINGS)

    @property
    def lines_trained(self) -> int:
        """The number of script lines said in training so far."""
        return int(self.model.num_timesteps)

    def train_one_chunk(self) -> None:
        """Train the policy for the next :data:`CHUNK` script lines.

        Every chunk starts new calls with new seeds, so that a resumed training is identical
        to an uninterrupted one.
        """
        seed = self.seed * 1000 + self.lines_trained // CHUNK
        set_random_seed(seed)
        self._env.seed(TRAINING_SEEDS + seed * CALLS)
        self.model.set_env(self._env, force_reset=True)
        self.model.learn(CHUNK, reset_num_timesteps=False)

    def load_model(self, file: Path) -> None:
        """Replace the policy by one that stable-baselines3 saved to ``file``."""
        self.model = PPO.load(file, self._env, device="cpu")

    def action_function(self, *, greedy: bool = False) -> Policy:
        """Return a function from observations to script lines: sampled, or the most likely one.

        Each returned function samples the same lines.
        """
        set_random_seed(self.seed)

        def act(observations: NDArray[np.float32]) -> NDArray[np.int64]:
            return np.asarray(self.model.predict(observations, deterministic=greedy)[0])

        return act


def train_sales_agent(
    folder: Path, evaluation: HeldOutEvaluation, seed: int, steps: int
) -> PPOSalesAgent:
    """Train a PPO salesperson with one seed, or resume from the checkpoint in ``folder``.

    Args:
        folder: Folder of the checkpoint, which is replaced at every point of the curve.
        evaluation: Measures the points of the curve.
        seed: Seeds everything random.
        steps: Lines to say in training.

    Returns:
        The trained agent with its curve.

    Raises:
        ConfigurationError: if ``folder`` contains a checkpoint of other settings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "group_sha256": load_group(evaluation.group).digest,
        "encoder": evaluation.encoder,
        "evaluation_calls": evaluation.calls,
        "seed": seed,
    }
    agent = PPOSalesAgent(evaluation.group, evaluation.encoder, seed)
    _load_checkpoint(agent, folder, settings)
    if not agent.curve:
        agent.curve.append(_learning_curve_point(agent, evaluation))

    with tqdm(total=steps, initial=agent.lines_trained, desc=f"seed {seed}", unit="line") as bar:
        while agent.lines_trained < steps:
            start = time.perf_counter()
            cpu_start = time.process_time()
            agent.train_one_chunk()
            seconds = time.perf_counter() - start
            cpu_seconds = time.process_time() - cpu_start

            agent.curve.append(_learning_curve_point(agent, evaluation, seconds, cpu_seconds))
            _save_checkpoint(agent, folder, settings)
            bar.update(CHUNK)
            bar.set_postfix(accepted=f"{agent.curve[-1]['rate']:.0%}")
    return agent


def _learning_curve_point(
    agent: PPOSalesAgent,
    evaluation: HeldOutEvaluation,
    seconds: float = 0.0,
    cpu_seconds: float = 0.0,
) -> dict[str, float]:
    """Return a learning-curve point: lines so far, held-out acceptance rate, chunk time."""
    rate = float(evaluation.play_with_policy(agent.action_function()).mean())
    return {
        "steps": agent.lines_trained,
        "rate": round(rate, 4),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu_seconds, 1),
    }


def _load_checkpoint(agent: PPOSalesAgent, folder: Path, settings: Mapping[str, Any]) -> None:
    """Load the checkpoint in ``folder``, if there is one, into an agent.

    Raises:
        ConfigurationError: if the checkpoint has other settings.
    """
    file = folder / CHECKPOINT
    if not file.is_file():
        return

    checkpoint = json.loads(file.read_text(encoding="utf-8"))
    if checkpoint["settings"] != settings:
        raise ConfigurationError(
            f"{folder} contains a training with {checkpoint['settings']}, but the settings are "
            f"{settings}. Choose another --out."
        )
    agent.load_model(folder / checkpoint["model"])
    agent.curve = checkpoint["curve"]


def _save_checkpoint(agent: PPOSalesAgent, folder: Path, settings: Mapping[str, Any]) -> None:
    """Write a checkpoint of an agent to ``folder`` and delete the previous model.

    The file that names the model is written after it, so a crash leaves the last checkpoint whole.
    """
    name = f"model_{agent.lines_trained}.zip"
    agent.model.save(folder / name)
    checkpoint = {"settings": settings, "model": name, "curve": agent.curve}
    write_atomically(folder / CHECKPOINT, json.dumps(checkpoint))

    for old in folder.glob("model_*.zip"):
        if old.name != name:
            old.unlink()
