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

from gsim_env.evaluation.output import read_evaluated_calls, read_evaluation_results
from gsim_env.evaluation.records import HUMAN, EvaluatedCall
from gsim_env.util.files import write_atomically
from gsim_env.util.stats import bootstrap_interval
from gsim_env.util.text import count_words

SHORT_TURN = 5
"""A turn of at most this many words is short."""

Statistics = dict[str, dict[str, float]]
Lengths = dict[int, list[int]]

app = typer.Typer(add_completion=False)


@app.command(help="Compare the calls of evaluations.")
def main(
    evaluations: Annotated[
        list[Path], typer.Argument(help="Folders that gsim evaluate run wrote.")
    ],
    out: Annotated[Path, typer.Option(help="JSON file to write.")],
) -> None:
    """Write realism and turn length of each method's calls, and of human calls, as JSON."""
    statistics: dict[str, Statistics] = {}
    lengths: dict[str, Lengths] = {}
    for folder in evaluations:
        results = read_evaluation_results(folder)
        calls = _calls_by_method(read_evaluated_calls(folder))
        for method, fidelity in results.fidelity.items():
            if method in statistics and method != HUMAN:
                raise typer.BadParameter(
                    f"{folder} has the method {method!r}, as another evaluation does. Give the "
                    "methods of the evaluations different names."
                )
            measured = fidelity.model_dump(mode="json")
            lengths[method] = _turn_lengths(calls[method])
            statistics[method] = {
                "c2st_accuracy": measured["c2st_accuracy"],
                "p_real": measured["p_real"],
                **_length_statistics(lengths[method]),
            }
        typer.echo(f"{folder}: {', '.join(results.fidelity)}")

    first = next(iter(lengths))
    for method in lengths.keys() - {first, HUMAN}:
        statistics[method] |= _length_differences(lengths[first], lengths[method])
    write_atomically(out, json.dumps(statistics, indent=2) + "\n")


def _calls_by_method(calls: Iterable[EvaluatedCall]) -> dict[str, list[EvaluatedCall]]:
    """Return an evaluation's calls by method; human calls are under ``human``."""
    by_method: dict[str, list[EvaluatedCall]] = defaultdict(list)
    for call in calls:
        by_method[call.method].append(call)
    return by_method


def _turn_lengths(calls: Iterable[EvaluatedCall]) -> Lengths:
    """Return the number of words of each customer turn by call number, without failed calls."""
    return {
        call.number: [count_words(turn.customer) for turn in call.turns]
        for call in calls
        if call.turns
    }


def _length_statistics(lengths: Lengths) -> Statistics:
    """Return the words per turn and the share of short turns, with intervals."""
    calls = list(lengths.values())
    words = bootstrap_interval(len(calls), lambda rows: _mean_words_per_turn(calls, rows))
    short = bootstrap_interval(len(calls), lambda rows: _share_of_short_turns(calls, rows))
    return {"words_per_turn": words._asdict(), "short_turns": short._asdict()}


def _length_differences(first: Lengths, other: Lengths) -> Statistics:
    """Return the length statistics of ``other`` minus ``first``; calls are paired by number."""
    numbers = sorted(first.keys() & other.keys())
    a = [first[number] for number in numbers]
    b = [other[number] for number in numbers]
    words = bootstrap_interval(
        len(numbers), lambda rows: _mean_words_per_turn(b, rows) - _mean_words_per_turn(a, rows)
    )
    short = bootstrap_interval(
        len(numbers), lambda rows: _share_of_short_turns(b, rows) - _share_of_short_turns(a, rows)
    )
    return {
        "words_per_turn_difference": words._asdict(),
        "short_turns_difference": short._asdict(),
    }


def _mean_words_per_turn(calls: list[list[int]], rows: Iterable[int]) -> float:
    """Return the mean number of words per turn of the calls at ``rows``."""
    return float(np.concatenate([calls[row] for row in rows]).mean())


def _share_of_short_turns(calls: list[list[int]], rows: Iterable[int]) -> float:
    """Return the share of turns of at most :data:`SHORT_TURN` words in the calls at ``rows``."""
    return float((np.concatenate([calls[row] for row in rows]) <= SHORT_TURN).mean())


if __name__ == "__main__":
    app()
