"""A PPO salesperson in training, and its checkpoints."""

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
    env_settings,
)
from gsim_recipes.ppo_lines.vec_env import ScriptLinesVecEnv

__all__ = ["CALLS", "CHUNK", "LINES", "PPO_SETTINGS", "PPOSalesAgent", "train"]

CALLS = 64
"""Calls played in parallel."""

LINES = 16
"""Lines said in each call between two updates."""

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
    """A PPO policy in training, with one seed.

    Args:
        group: Name or path of the group to call.
        encoder: The environment's encoder.
        seed: Seeds everything random.
    """

    def __init__(self, group: str, encoder: str, seed: int) -> None:
        """Create an untrained policy."""
        settings = env_settings(group, encoder)
        calls = gym.make_vec(ENV_ID, CALLS, reward="shaped", gamma=GAMMA, **settings)
        self._env = ScriptLinesVecEnv(VectorScriptLines(calls))
        self.seed = seed
        self.curve: list[dict[str, float]] = []
        self.model = PPO("MlpPolicy", self._env, seed=seed, device="cpu", **PPO_SETTINGS)

    @property
    def steps(self) -> int:
        """The number of lines said in training."""
        return int(self.model.num_timesteps)

    def learn(self) -> None:
        """Train for one chunk.

        Every chunk starts new calls with seeds of its own, so that a resumed training is identical
        to an uninterrupted one.
        """
        seed = self.seed * 1000 + self.steps // CHUNK
        set_random_seed(seed)
        self._env.seed(TRAINING_SEEDS + seed * CALLS)
        self.model.set_env(self._env, force_reset=True)
        self.model.learn(CHUNK, reset_num_timesteps=False)

    def load(self, file: Path) -> None:
        """Load a checkpoint's model."""
        self.model = PPO.load(file, self._env, device="cpu")

    def policy(self, *, greedy: bool = False) -> Policy:
        """Return the policy: it samples lines as in training, or takes the most likely one.

        The same samples each time this is called.
        """
        set_random_seed(self.seed)

        def act(observations: NDArray[np.float32]) -> NDArray[np.int64]:
            return np.asarray(self.model.predict(observations, deterministic=greedy)[0])

        return act


def train(folder: Path, evaluation: HeldOutEvaluation, seed: int, steps: int) -> PPOSalesAgent:
    """Train with one seed, or resume from the checkpoint in the folder.

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
    load_checkpoint(agent, folder, settings)
    if not agent.curve:
        agent.curve.append(curve_point(agent, evaluation))

    with tqdm(total=steps, initial=agent.steps, desc=f"seed {seed}", unit="line") as bar:
        while agent.steps < steps:
            start = time.perf_counter()
            cpu_start = time.process_time()
            agent.learn()
            seconds = time.perf_counter() - start
            cpu_seconds = time.process_time() - cpu_start

            agent.curve.append(curve_point(agent, evaluation, seconds, cpu_seconds))
            save_checkpoint(agent, folder, settings)
            bar.update(CHUNK)
            bar.set_postfix(accepted=f"{agent.curve[-1]['rate']:.0%}")
    return agent


def curve_point(
    agent: PPOSalesAgent,
    evaluation: HeldOutEvaluation,
    seconds: float = 0.0,
    cpu_seconds: float = 0.0,
) -> dict[str, float]:
    """Return a point of the curve: lines so far, acceptance rate, time of the chunk."""
    rate = float(evaluation.accepted_by_policy(agent.policy()).mean())
    return {
        "steps": agent.steps,
        "rate": round(rate, 4),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu_seconds, 1),
    }


def load_checkpoint(agent: PPOSalesAgent, folder: Path, settings: Mapping[str, Any]) -> None:
    """Load the folder's checkpoint into an agent, if there is one.

    Raises:
        ConfigurationError: if it has other settings.
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
    agent.load(folder / checkpoint["model"])
    agent.curve = checkpoint["curve"]


def save_checkpoint(agent: PPOSalesAgent, folder: Path, settings: Mapping[str, Any]) -> None:
    """Write the agent's checkpoint and delete the previous model.

    The file that names the model is written after it, so a crash leaves the last checkpoint whole.
    """
    name = f"model_{agent.steps}.zip"
    agent.model.save(folder / name)
    checkpoint = {"settings": settings, "model": name, "curve": agent.curve}
    write_atomically(folder / CHECKPOINT, json.dumps(checkpoint))

    for old in folder.glob("model_*.zip"):
        if old.name != name:
            old.unlink()
