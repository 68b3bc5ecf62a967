"""PPO training of salespeople that pick lines of a group's script, on a CPU.

    python -m gsim_recipes.ppo_lines.train --out my_ppo

Evaluates on held-out customers. Writes report.json, curve.csv, curve.png, calls.md and, for each
seed, a model that stable-baselines3 loads. Resumes after an interruption: rerun the same command;
the result is the same as without the interruption.
"""

import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from numpy.typing import NDArray

from gsim_env.envs.script_lines import script_lines
from gsim_env.groups import load_group
from gsim_env.util.files import write_atomically
from gsim_recipes.command_line import current_shell_command
from gsim_recipes.ppo_lines.agent import CHUNK, PPO_SETTINGS, PPOSalesAgent, train_sales_agent
from gsim_recipes.ppo_lines.held_out_evaluation import HeldOutEvaluation, Policy
from gsim_recipes.ppo_lines.report import (
    acceptance_rate_by_archetype,
    acceptance_rate_interval,
    save_learning_curve_plot,
    write_learning_curve_csv,
)

__all__ = ["acceptance_report", "before_and_after_transcripts", "random_line_policy"]

SEEDS = [0, 1, 2]

PACKAGES = ("gsim-env", "gymnasium", "numpy", "stable-baselines3", "torch")

PRINTED = ("baselines", "before", "after", "gain", "by_archetype")
"""Parts of the report that the command prints."""


Accepted = Mapping[int, NDArray[np.bool_]]
"""Which calls were accepted, shape (calls,), by seed."""

INJECTIONS = {
    "attempts": 0,
    "deals": 0,
    "why": "an action is a line of the script: nothing can be typed",
}
"""The report's part about prompt injection, which a script line cannot contain."""


def main(
    out: Annotated[Path, typer.Option(help="Folder for results and checkpoints.")],
    group: Annotated[
        str, typer.Option(help="Built-in group, or a group's folder with a script.toml.")
    ] = "food_delivery",
    encoder: Annotated[
        str, typer.Option(help="Sentence encoder: hashing (no extra), minilm (slower), ...")
    ] = "hashing",
    steps: Annotated[int, typer.Option(help=f"Lines said in training, a multiple of {CHUNK}.")] = 18
    * CHUNK,
    seed: Annotated[
        list[int] | None,
        typer.Option(help="One training each; repeat the option. Default: 0, 1 and 2."),
    ] = None,
    evaluation_calls: Annotated[
        int, typer.Option(help="Calls to held-out customers at each point of the curve.")
    ] = 400,
) -> None:
    """Train salespeople by PPO to pick lines of a group's script, and evaluate them."""
    torch.set_num_threads(1)  # the network is small: more threads mostly wait for each other
    evaluation = HeldOutEvaluation(group, encoder, evaluation_calls)
    seeds = seed or SEEDS
    trained = {
        number: train_sales_agent(out / f"seed_{number}", evaluation, number, steps)
        for number in seeds
    }

    command = current_shell_command("gsim_recipes.ppo_lines.train")
    report = {"command": command, **acceptance_report(evaluation, trained, steps)}
    curves = {number: agent.curve for number, agent in trained.items()}

    write_atomically(out / "report.json", json.dumps(report, indent=1) + "\n")
    write_atomically(out / "calls.md", before_and_after_transcripts(evaluation, trained[seeds[0]]))
    write_learning_curve_csv(out / "curve.csv", curves)
    save_learning_curve_plot(out / "curve.png", curves, report["baselines"])

    print(json.dumps({key: report[key] for key in PRINTED}, indent=1))


def acceptance_report(
    evaluation: HeldOutEvaluation, trained: Mapping[int, PPOSalesAgent], steps: int
) -> dict[str, Any]:
    """Return a report of acceptance rates of trained, untrained and baseline policies."""
    untrained = {
        seed: PPOSalesAgent(evaluation.group, evaluation.encoder, seed) for seed in trained
    }
    before = _play_each(evaluation, untrained)
    after = _play_each(evaluation, trained)
    greedy = _play_each(evaluation, trained, greedy=True)
    baselines = {
        "random": evaluation.play_with_policy(random_line_policy(evaluation.group))[None],
        "pitching": evaluation.play_with_salespeople("pitching")[None],
        "listening": evaluation.play_with_salespeople("scripted")[None],
    }

    by_policy = {**baselines, "before": _stacked(before), "after": _stacked(after)}
    return {
        **_describe_run(evaluation, trained, steps),
        "baselines": {
            name: acceptance_rate_interval(calls, evaluation) for name, calls in baselines.items()
        },
        "before": _acceptance_with_seeds(before, evaluation),
        "after": _acceptance_with_seeds(after, evaluation),
        "after_taking_the_likeliest_line": _acceptance_with_seeds(greedy, evaluation),
        "gain": _acceptance_ratio(before, after),
        "by_archetype": {
            name: acceptance_rate_by_archetype(calls, evaluation)
            for name, calls in by_policy.items()
        },
        "injections": INJECTIONS,
    }


def _describe_run(
    evaluation: HeldOutEvaluation, trained: Mapping[int, PPOSalesAgent], steps: int
) -> dict[str, Any]:
    """Return the versions, settings, training time and evaluation customers of a report."""
    group = load_group(evaluation.group)
    return {
        "versions": {name: version(name) for name in PACKAGES},
        "group": group.config.name,
        "group_sha256": group.digest,
        "encoder": evaluation.encoder,
        "ppo": PPO_SETTINGS,
        "seeds": list(trained),
        "steps": steps,
        "time_to_learn": {str(seed): _training_time(agent) for seed, agent in trained.items()},
        "held_out": {
            "calls": evaluation.calls,
            "customers": len(set(map(repr, evaluation.customers))),
            "source": evaluation.customer_source,
        },
    }


def _play_each(
    evaluation: HeldOutEvaluation, agents: Mapping[int, PPOSalesAgent], *, greedy: bool = False
) -> Accepted:
    """Play the held-out calls with each agent; return which were accepted, by seed."""
    return {
        seed: evaluation.play_with_policy(agent.action_function(greedy=greedy))
        for seed, agent in agents.items()
    }


def _stacked(accepted: Accepted) -> NDArray[np.bool_]:
    """Return which calls were accepted as one array, shape (seeds, calls)."""
    return np.stack(list(accepted.values()))


def _acceptance_with_seeds(accepted: Accepted, evaluation: HeldOutEvaluation) -> dict[str, Any]:
    """Return the acceptance rate with its interval, over all seeds and by seed."""
    by_seed = {
        str(seed): acceptance_rate_interval(calls[None], evaluation)
        for seed, calls in accepted.items()
    }
    return {**acceptance_rate_interval(_stacked(accepted), evaluation), "by_seed": by_seed}


def _acceptance_ratio(before: Accepted, after: Accepted) -> float | None:
    """Return the acceptance rate after training over that before, or ``None`` if that is 0."""
    rate = _stacked(before).mean()
    return round(float(_stacked(after).mean() / rate), 2) if rate else None


def _training_time(agent: PPOSalesAgent) -> dict[str, int]:
    """Return the wall-clock and CPU seconds of an agent's training."""
    return {
        unit: round(sum(point[unit] for point in agent.curve))
        for unit in ("seconds", "cpu_seconds")
    }


def random_line_policy(group: str) -> Policy:
    """Return a policy that picks any line of a group's script with equal probability."""
    rng = np.random.default_rng(0)
    lines = script_lines(load_group(group))
    return lambda observations: rng.integers(len(lines), size=len(observations))


def before_and_after_transcripts(evaluation: HeldOutEvaluation, agent: PPOSalesAgent) -> str:
    """Return Markdown transcripts of one call per archetype, before and after training."""
    customers = evaluation.customers
    first_call: dict[str, int] = {}
    for row, customer in enumerate(customers):
        first_call.setdefault(customer.archetype, row)

    untrained = PPOSalesAgent(evaluation.group, evaluation.encoder, agent.seed)
    parts = [f"# The same calls before and after training (seed {agent.seed})"]
    for row in sorted(first_call.values()):
        for when, player in (("before", untrained), ("after", agent)):
            transcript = evaluation.transcribe_call(row, player.action_function())
            title = f"## Call {row}, {customers[row].archetype}, {when}"
            parts.append(f"{title}\n\n```text\n{transcript}\n```")
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    typer.run(main)
