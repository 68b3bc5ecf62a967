"""Compare the calls of evaluations: C2ST accuracy, P(real), words per turn, share of short turns.

    python -m gsim_recipes.embedded_lora.compare_calls EVALUATION ... --out calls.json

The folders are those of ``gsim evaluate run``. Intervals resample calls.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from gsim_env.evaluation.records import EvaluatedCall
from gsim_env.evaluation.run import read_results
from gsim_env.util.files import write_atomically
from gsim_env.util.stats import bootstrap
from gsim_env.util.text import count_words

SHORT_TURN = 5
"""A turn of at most this many words is short."""

Figures = dict[str, dict[str, float]]

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
    for folder in evaluations:
        results = read_results(folder)
        calls = calls_by_method(folder / "calls.jsonl")
        for method, fidelity in results["fidelity"].items():
            figures[method] = {
                "c2st_accuracy": fidelity["c2st_accuracy"],
                "p_real": fidelity["p_real"],
                **dict(length_figures(calls[method])),
            }
        typer.echo(f"{folder}: {', '.join(results['fidelity'])}")
    write_atomically(out, json.dumps(figures, indent=2) + "\n")


def calls_by_method(file: Path) -> dict[str, list[EvaluatedCall]]:
    """Return the calls of an evaluation by method; those of people are under ``human``."""
    calls: dict[str, list[EvaluatedCall]] = defaultdict(list)
    for line in file.read_bytes().splitlines():
        call = EvaluatedCall.model_validate_json(line)
        calls[call.method].append(call)
    return calls


def length_figures(calls: list[EvaluatedCall]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the words per turn and the share of short turns, each with its interval."""
    lengths = [[count_words(turn.customer) for turn in call.turns] for call in calls]
    lengths = [turns for turns in lengths if turns]

    def pooled(rows: np.ndarray) -> np.ndarray:
        return np.concatenate([lengths[row] for row in rows])

    words = bootstrap(len(lengths), lambda rows: float(pooled(rows).mean()))
    short = bootstrap(len(lengths), lambda rows: float((pooled(rows) <= SHORT_TURN).mean()))
    yield "words_per_turn", words._asdict()
    yield "short_turns", short._asdict()


if __name__ == "__main__":
    app()
