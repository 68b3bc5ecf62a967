"""Compare the calls of evaluations: C2ST accuracy, P(real), words per turn, share of short turns.

    python -m gsim_recipes.embedded_lora.compare_calls EVALUATION ... --out calls.json

The folders are those of ``gsim evaluate run``. Intervals resample calls. The differences in length
between each method and the first have intervals too: their calls are paired by number, so both
evaluations must use the same customers and seed.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from gsim_env.evaluation.output import read_evaluation_results
from gsim_env.evaluation.records import HUMAN, EvaluatedCall
from gsim_env.util.files import write_atomically
from gsim_env.util.stats import bootstrap
from gsim_env.util.text import count_words

SHORT_TURN = 5
"""A turn of at most this many words is short."""

Figures = dict[str, dict[str, float]]
Lengths = dict[int, list[int]]

app = typer.Typer(add_completion=False)


@app.command(help="Compare the calls of evaluations.")
def main(
    evaluations: Annotated[
        list[Path], typer.Argument(help="Folders that gsim evaluate run wrote.")
    ],
    out: Annotated[Path, typer.Option(help="JSON file to write.")],
) -> None:
    """Write the figures of every method, and of people, as JSON."""
    figures: dict[str, Figures] = {}
    lengths: dict[str, Lengths] = {}
    for folder in evaluations:
        results = read_evaluation_results(folder)
        calls = calls_by_method(folder / "calls.jsonl")
        for method, fidelity in results["fidelity"].items():
            lengths[method] = turn_lengths(calls[method])
            figures[method] = {
                "c2st_accuracy": fidelity["c2st_accuracy"],
                "p_real": fidelity["p_real"],
                **length_figures(lengths[method]),
            }
        typer.echo(f"{folder}: {', '.join(results['fidelity'])}")

    first = next(iter(lengths))
    for method in lengths.keys() - {first, HUMAN}:
        figures[method] |= length_differences(lengths[first], lengths[method])
    write_atomically(out, json.dumps(figures, indent=2) + "\n")


def calls_by_method(file: Path) -> dict[str, list[EvaluatedCall]]:
    """Return the calls of an evaluation by method; those of people are under ``human``."""
    calls: dict[str, list[EvaluatedCall]] = defaultdict(list)
    for line in file.read_bytes().splitlines():
        call = EvaluatedCall.model_validate_json(line)
        calls[call.method].append(call)
    return calls


def turn_lengths(calls: Iterable[EvaluatedCall]) -> Lengths:
    """Return the words of each customer turn by call number; failed calls are left out."""
    return {
        call.number: [count_words(turn.customer) for turn in call.turns]
        for call in calls
        if call.turns
    }


def length_figures(lengths: Lengths) -> Figures:
    """Return the words per turn and the share of short turns, with intervals."""
    calls = list(lengths.values())
    words = bootstrap(len(calls), lambda rows: mean_words(calls, rows))
    short = bootstrap(len(calls), lambda rows: short_share(calls, rows))
    return {"words_per_turn": words._asdict(), "short_turns": short._asdict()}


def length_differences(first: Lengths, other: Lengths) -> Figures:
    """Return other minus first of both figures, with intervals; calls are paired by number."""
    numbers = sorted(first.keys() & other.keys())
    a = [first[number] for number in numbers]
    b = [other[number] for number in numbers]
    words = bootstrap(len(numbers), lambda rows: mean_words(b, rows) - mean_words(a, rows))
    short = bootstrap(len(numbers), lambda rows: short_share(b, rows) - short_share(a, rows))
    return {
        "words_per_turn_difference": words._asdict(),
        "short_turns_difference": short._asdict(),
    }


def mean_words(calls: list[list[int]], rows: Iterable[int]) -> float:
    """Return the mean number of words per turn of some calls."""
    return float(np.concatenate([calls[row] for row in rows]).mean())


def short_share(calls: list[list[int]], rows: Iterable[int]) -> float:
    """Return the share of turns of at most :data:`SHORT_TURN` words of some calls."""
    return float((np.concatenate([calls[row] for row in rows]) <= SHORT_TURN).mean())


if __name__ == "__main__":
    app()
