"""Train salespeople by PPO to pick lines of a group's script, on a CPU, and measure them on
held-out customers.

    python -m gsim_recipes.ppo_lines.train --out my_ppo

Writes report.json, curve.csv, curve.png, calls.md and, for each seed, a model that
stable-baselines3 loads. Run again after a crash, the same command goes on from the last point of
the curve, and comes to what it would have come to.
"""

import argparse
import json
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.utils import set_random_seed
from tqdm import tqdm

from gsim_env.envs import VectorScriptLines
from gsim_env.envs.script_lines import script_lines
from gsim_env.errors import ConfigurationError
from gsim_env.groups import load_group
from gsim_recipes.ppo_lines.held_out_evaluation import (
    ENV,
    TRAINING_SEEDS,
    Act,
    HeldOutEvaluation,
    settings,
)
from gsim_recipes.ppo_lines.report import acceptance, by_archetype, draw_curve, write_curve
from gsim_recipes.ppo_lines.vec_env import CallsInStep

__all__ = ["PPOSalesAgent", "train"]

CALLS, LINES = 64, 16
"""Calls in step, and lines said in each between two updates."""

CHUNK = 20 * CALLS * LINES
"""Lines between two points of the curve; what a crash can cost."""

GAMMA = 1.0
"""A call is short and ends; the shaped reward is neutral under the learner's own discount only."""

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
PACKAGES = ("gsim-env", "gymnasium", "numpy", "stable-baselines3", "torch")


def main() -> None:
    """Parse the command line, train with each seed, measure, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for the results and the checkpoints"
    )
    parser.add_argument(
        "--group",
        default="food_delivery",
        help="built-in group, or path of a bundle with a script.toml",
    )
    parser.add_argument(
        "--encoder",
        default="hashing",
        help="hashing (the core alone), minilm (slower), or as the env's",
    )
    parser.add_argument(
        "--steps",
        type=int,
        default=18 * CHUNK,
        help=f"lines said in training, in chunks of {CHUNK}",
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="one training each")
    parser.add_argument(
        "--exam",
        type=int,
        default=400,
        help="calls to held-out customers at each point of the curve",
    )
    args = parser.parse_args()
    torch.set_num_threads(1)  # the network is small: more threads only wait for each other
    exam = HeldOutEvaluation(args.group, args.encoder, args.exam)
    trained = {
        seed: train(args.out / f"seed_{seed}", exam, seed, args.steps) for seed in args.seeds
    }
    report = measure(exam, trained, args.steps)
    report = {
        "command": shlex.join(["python", "-m", "gsim_recipes.ppo_lines.train", *sys.argv[1:]]),
        **report,
    }
    (args.out / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    curves = {seed: clerk.curve for seed, clerk in trained.items()}
    write_curve(args.out / "curve.csv", curves)
    draw_curve(args.out / "curve.png", curves, report["baselines"])
    (args.out / "calls.md").write_text(sample_calls(exam, trained[args.seeds[0]]), encoding="utf-8")
    print(
        json.dumps(
            {key: report[key] for key in ("baselines", "before", "after", "gain", "by_archetype")},
            indent=1,
        )
    )


class PPOSalesAgent:
    """A PPO policy in training: one seed's.

    Args:
        group: Whose customers it calls.
        encoder: The environment's.
        seed: Decides everything random.
    """

    def __init__(self, group: str, encoder: str, seed: int) -> None:
        """Make an untrained one."""
        calls = gym.make_vec(ENV, CALLS, reward="shaped", gamma=GAMMA, **settings(group, encoder))
        self.seed, self.curve = seed, list[dict[str, float]]()
        self._env = CallsInStep(VectorScriptLines(calls))
        self.model = PPO("MlpPolicy", self._env, seed=seed, device="cpu", **PPO_SETTINGS)

    @property
    def steps(self) -> int:
        """How many lines it has said in training."""
        return int(self.model.num_timesteps)

    def learn(self) -> None:
        """Learn for a chunk.

        Every chunk begins anew with seeds of its own, so that a resumed training is the same one.
        """
        seed = self.seed * 1000 + self.steps // CHUNK
        set_random_seed(seed)
        self._env.seed(TRAINING_SEEDS + seed * CALLS)
        self.model.set_env(self._env, force_reset=True)
        self.model.learn(CHUNK, reset_num_timesteps=False)

    def load(self, file: Path) -> None:
        """Go on from a checkpoint."""
        self.model = PPO.load(file, self._env, device="cpu")

    def act(self, *, greedy: bool = False) -> Act:
        """Return its policy, which draws lines as in training, the same draws each time.

        Or takes the likeliest.
        """
        set_random_seed(self.seed)
        return lambda observations: np.asarray(
            self.model.predict(observations, deterministic=greedy)[0]
        )


def train(folder: Path, exam: HeldOutEvaluation, seed: int, steps: int) -> PPOSalesAgent:
    """Train with one seed, or go on with it.

    The checkpoint is replaced at every point of the curve.

    Args:
        folder: For the checkpoint.
        exam: What the curve shows.
        seed: Decides everything random.
        steps: Lines to say in training.

    Returns:
        The trained policy with its curve.

    Raises:
        ConfigurationError: if ``folder`` holds a training of other settings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / "progress.json"
    wanted = {
        "group_sha256": load_group(exam.group).digest,
        "encoder": exam.encoder,
        "exam": exam.calls,
        "seed": seed,
    }
    clerk = PPOSalesAgent(exam.group, exam.encoder, seed)
    if kept.is_file():
        progress = json.loads(kept.read_text(encoding="utf-8"))
        if progress["settings"] != wanted:
            raise ConfigurationError(
                f"{folder} holds a training with {progress['settings']}, asked for is {wanted}. Choose another --out."
            )
        clerk.load(folder / progress["model"])
        clerk.curve = progress["curve"]
    if not clerk.curve:
        clerk.curve.append(point(clerk, exam))
    with tqdm(total=steps, initial=clerk.steps, desc=f"seed {seed}", unit="line") as bar:
        while clerk.steps < steps:
            start = time.perf_counter(), time.process_time()
            clerk.learn()
            took = time.perf_counter() - start[0], time.process_time() - start[1]
            clerk.curve.append(point(clerk, exam, *took))
            save(clerk, folder, wanted)
            bar.update(CHUNK)
            bar.set_postfix(accepted=f"{clerk.curve[-1]['rate']:.0%}")
    return clerk


def point(
    clerk: PPOSalesAgent, exam: HeldOutEvaluation, seconds: float = 0.0, cpu_seconds: float = 0.0
) -> dict[str, float]:
    """Return a point of the curve.

    Lines said so far, the share of the exam's calls accepted, how long the chunk took.
    """
    rate = float(exam.by_policy(clerk.act()).mean())
    took = {"seconds": round(seconds, 1), "cpu_seconds": round(cpu_seconds, 1)}
    return {"steps": clerk.steps, "rate": round(rate, 4), **took}


def save(clerk: PPOSalesAgent, folder: Path, wanted: Mapping[str, Any]) -> None:
    """Write the checkpoint.

    The file that names the model is replaced at once, so a crash leaves the last one whole.
    """
    name = f"model_{clerk.steps}.zip"
    clerk.model.save(folder / name)
    partial = folder / "progress.json.partial"
    partial.write_text(
        json.dumps({"settings": wanted, "model": name, "curve": clerk.curve}), encoding="utf-8"
    )
    partial.replace(folder / "progress.json")
    for old in folder.glob("model_*.zip"):
        if old.name != name:
            old.unlink()


def measure(
    exam: HeldOutEvaluation, trained: Mapping[int, PPOSalesAgent], steps: int
) -> dict[str, Any]:
    """Return the report: who closes how many of the same calls."""
    group = load_group(exam.group)
    untrained = [PPOSalesAgent(exam.group, exam.encoder, seed) for seed in trained]
    before = np.stack([exam.by_policy(clerk.act()) for clerk in untrained])
    after = np.stack([exam.by_policy(clerk.act()) for clerk in trained.values()])
    greedy = np.stack([exam.by_policy(clerk.act(greedy=True)) for clerk in trained.values()])
    others = {
        "random": exam.by_policy(at_random(exam))[None],
        "pitching": exam.by_team("pitching")[None],
        "listening": exam.by_team("scripted")[None],
    }
    return {
        "versions": {name: version(name) for name in PACKAGES},
        "group": group.config.name,
        "group_sha256": group.digest,
        "encoder": exam.encoder,
        "ppo": PPO_SETTINGS,
        "seeds": list(trained),
        "steps": steps,
        "time_to_learn": {
            str(seed): {
                unit: round(sum(at[unit] for at in clerk.curve))
                for unit in ("seconds", "cpu_seconds")
            }
            for seed, clerk in trained.items()
        },
        "held_out": {
            "calls": exam.calls,
            "customers": len(set(map(repr, exam.customers))),
            "source": exam.source,
        },
        "baselines": {name: acceptance(found, exam) for name, found in others.items()},
        "before": acceptance(before, exam) | {"by_seed": rates(trained, before, exam)},
        "after": acceptance(after, exam) | {"by_seed": rates(trained, after, exam)},
        "after_taking_the_likeliest_line": acceptance(greedy, exam)
        | {"by_seed": rates(trained, greedy, exam)},
        "gain": round(float(after.mean() / before.mean()), 2) if before.any() else None,
        "by_archetype": {
            name: by_archetype(found, exam)
            for name, found in {**others, "before": before, "after": after}.items()
        },
        "injections": {
            "attempts": 0,
            "deals": 0,
            "why": "an action is a line of the script: nothing can be typed",
        },
    }


def rates(
    seeds: Sequence[int] | Mapping[int, Any], accepted: NDArray[np.bool_], exam: HeldOutEvaluation
) -> dict[str, Any]:
    """Return each training seed's share of calls accepted with its confidence interval."""
    return {
        str(seed): acceptance(row[None], exam) for seed, row in zip(seeds, accepted, strict=True)
    }


def at_random(exam: HeldOutEvaluation) -> Act:
    """Return who picks any line with equal chance."""
    rng = np.random.default_rng(0)
    lines = script_lines(load_group(exam.group))
    return lambda observations: rng.integers(len(lines), size=len(observations))


def sample_calls(exam: HeldOutEvaluation, clerk: PPOSalesAgent) -> str:
    """Return the same calls before and after training, the first to a customer of each archetype."""
    first = {customer.archetype: row for row, customer in reversed(list(enumerate(exam.customers)))}
    untrained = PPOSalesAgent(exam.group, exam.encoder, clerk.seed)
    parts = [f"# The same calls before and after training (seed {clerk.seed})"]
    for row in sorted(first.values()):
        for when, who in (("before", untrained), ("after", clerk)):
            call = exam.transcript(row, who.act())
            parts.append(
                f"## Call {row}, {exam.customers[row].archetype}, {when}\n\n```text\n{call}\n```"
            )
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    main()
