"""Answer lengths that the format reward (eq. 10) favors: a constant length or human lengths.

    python -m gsim_recipes.rewards.lengths --d-sim my_group/d_sim/test.parquet --out my_rewards

An answer twice as long as the human's loses the whole reward, one half as long loses a quarter. So
if the human's length is unknown, a short answer is the safe choice. Writes ``lengths.json`` and
``lengths.png``.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from matplotlib.figure import Figure

from gsim_env.corpus.d_sim import read_rows
from gsim_env.rewards.format import format_reward
from gsim_env.rewards.turns import Turn
from gsim_env.util.files import sha256_file, write_atomically
from gsim_env.util.text import count_words
from gsim_recipes.command_line import current_shell_command

__all__ = ["format_reward_by_length", "mean_format_reward"]

MAX_LENGTH = 40
"""The longest constant length, in words."""

PERMUTATIONS = 50


def main(
    d_sim: Annotated[Path, typer.Option(help="Parquet file of a group's D_sim.")],
    out: Annotated[Path, typer.Option(help="Folder of lengths.json and lengths.png.")],
) -> None:
    """Reward constant answer lengths, and permuted human lengths, by the format reward (eq. 10)."""
    references = [row["reward_model"]["ground_truth"] for row in read_rows(d_sim)]
    report = {
        "command": current_shell_command("gsim_recipes.rewards.lengths"),
        "d_sim_sha256": sha256_file(d_sim),
        **format_reward_by_length(references),
    }

    out.mkdir(parents=True, exist_ok=True)
    write_atomically(out / "lengths.json", json.dumps(report, indent=1) + "\n")
    _plot_reward_by_length(report).savefig(out / "lengths.png", dpi=120)


def format_reward_by_length(references: Sequence[str]) -> dict[str, Any]:
    """Return the mean format reward of constant answer lengths, and of permuted human lengths."""
    human_lengths = [count_words(text) for text in references]
    constant = {
        length: mean_format_reward(references, [length] * len(references))
        for length in range(1, MAX_LENGTH + 1)
    }
    best = max(constant, key=lambda length: constant[length])

    rng = np.random.default_rng(0)
    permuted = [
        mean_format_reward(references, rng.permutation(human_lengths).tolist())
        for _ in range(PERMUTATIONS)
    ]
    return {
        "turns": len(references),
        "people_words_mean": float(np.mean(human_lengths)),
        "people_words_median": float(np.median(human_lengths)),
        "best_length": best,
        "reward_of_best_length": constant[best],
        "reward_of_peoples_lengths": float(np.mean(permuted)),
        "reward_by_length": constant,
    }


def mean_format_reward(references: Sequence[str], lengths: Sequence[int]) -> float:
    """Return the mean format reward (eq. 10) of answers with the given numbers of words."""
    turns = [
        Turn([], "word " * int(length), reference)
        for length, reference in zip(lengths, references, strict=True)
    ]
    return float(np.mean(format_reward(turns)))


def _plot_reward_by_length(report: dict[str, Any]) -> Figure:
    """Return the plot of the reward over the constant length."""
    rewards = report["reward_by_length"]
    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots()

    axes.plot(list(rewards), list(rewards.values()), label="constant length")
    axes.axhline(
        report["reward_of_peoples_lengths"], color="#d1662a", label="human lengths, permuted"
    )
    axes.axvline(report["people_words_mean"], color="#888888", linestyle=":", label="human mean")

    axes.set(xlabel="words", ylabel="format reward (eq. 10)")
    axes.legend()
    return figure


if __name__ == "__main__":
    typer.run(main)
