"""What eq. 10 pays for.

The reward of answers of one length throughout, beside that of lengths drawn as people's are.

    python -m gsim_recipes.rewards.lengths --d-sim my_group/d_sim/test.parquet --out my_rewards

An answer twice too long loses all, one half as long loses a quarter: where the length is not to be
known, a short answer is the safe one. Writes ``lengths.json`` and ``lengths.png``.
"""

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from gsim_env.corpus.d_sim import read_rows
from gsim_env.discriminator.pairs import digest
from gsim_env.rewards.format import format_reward, length
from gsim_env.rewards.turns import Turn

LONGEST, DRAWS = 40, 50


def main() -> None:
    """Parse the command line, reward the lengths, report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--d-sim", type=Path, required=True, help="parquet of a group's D_sim")
    parser.add_argument("--out", type=Path, required=True, help="folder")
    args = parser.parse_args()
    people = [row["reward_model"]["ground_truth"] for row in read_rows(args.d_sim)]
    found = {
        "command": shlex.join(["python", "-m", "gsim_recipes.rewards.lengths", *sys.argv[1:]]),
        "d_sim_sha256": digest(args.d_sim),
        **rewarded(people),
    }
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "lengths.json").write_text(json.dumps(found, indent=1) + "\n")
    draw(found).savefig(args.out / "lengths.png", dpi=120)


def rewarded(people: list[str]) -> dict[str, Any]:
    """Return the mean reward of every length up to :data:`LONGEST` words, and of people's lengths in another order."""
    words = [length(text) for text in people]
    rng = np.random.default_rng(0)
    constant = {count: reward(people, [count] * len(people)) for count in range(1, LONGEST + 1)}
    best = max(constant, key=lambda count: constant[count])
    return {
        "turns": len(people),
        "people_words_mean": float(np.mean(words)),
        "people_words_median": float(np.median(words)),
        "best_length": best,
        "reward_of_best_length": constant[best],
        "reward_of_peoples_lengths": float(
            np.mean([reward(people, rng.permutation(words)) for _ in range(DRAWS)])
        ),
        "reward_by_length": constant,
    }


def reward(people: list[str], lengths: Any) -> float:
    """Return the mean of eq. 10 over turns that are answered with so many words each."""
    turns = [
        Turn([], "word " * int(count), text) for count, text in zip(lengths, people, strict=True)
    ]
    return float(np.mean(format_reward(turns)))


def draw(found: dict[str, Any]) -> Figure:
    """Return the plot of the reward by length."""
    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots()
    axes.plot(
        list(found["reward_by_length"]),
        list(found["reward_by_length"].values()),
        label="always so many words",
    )
    axes.axhline(
        found["reward_of_peoples_lengths"], color="#d1662a", label="lengths drawn as people's"
    )
    axes.axvline(found["people_words_mean"], color="#888888", linestyle=":", label="people's mean")
    axes.set(xlabel="words", ylabel="format reward (eq. 10)")
    axes.legend()
    return figure


if __name__ == "__main__":
    main()
