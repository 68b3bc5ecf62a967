"""Compare salespeople on held-out calls, with confidence intervals, from what verl writes down as
it validates.

    python -m gsim_recipes.sales_grpo.held_out --calls before=validated_before/0.jsonl --calls
    after=validated_after/20.jsonl \
        --out results/sales_grpo

verl writes the calls of a validation where ``trainer.validation_data_dir`` says
(``trainer.val_only=true`` does no more). Writes ``report.json`` and ``samples.md`` (the first calls
of each). Calls of two models are not in one order: intervals of differences are those of two
samples.
"""

import argparse
import hashlib
import json
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gsim_env.evaluation.compare import difference
from gsim_env.evaluation.metrics.intervals import mean_of, plain

FIGURES = ("score", "outcome", "progress")
"""The reward, the deal (0 or 1), and how near the customer came to one (0 to 1).

``gsim_env.rewards.sales_outcome``.
"""

SHOWN = 3


def main() -> None:
    """Parse the command line, report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--calls", type=named, action="append", required=True, help="NAME=FILE; repeat it"
    )
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    calls = {
        name: [json.loads(line) for line in file.read_text("utf-8").splitlines()]
        for name, file in args.calls
    }
    report = {
        "command": shlex.join(["python", "-m", "gsim_recipes.sales_grpo.held_out", *sys.argv[1:]]),
        "sha256": {
            name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in args.calls
        },
        "models": {
            name: {figure: mean_of([call[figure] for call in own]) for figure in FIGURES}
            for name, own in calls.items()
        },
        "differences": differences(calls),
    }
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "report.json").write_text(
        json.dumps(plain(report), indent=1) + "\n", encoding="utf-8"
    )
    (args.out / "samples.md").write_text(samples(calls), encoding="utf-8")
    print(json.dumps(plain({**report["models"], **report["differences"]}), indent=1))


def named(text: str) -> tuple[str, Path]:
    """Read NAME=FILE.

    Raises:
        ArgumentTypeError: if it is not that, or there is no such file.
    """
    name, _, file = text.partition("=")
    if not name or not Path(file).is_file():
        raise argparse.ArgumentTypeError(
            f"expected NAME=FILE, of a file that verl wrote, got {text!r}"
        )
    return name, Path(file)


def differences(calls: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Return how much more each model has than the first."""
    base, *others = calls
    columns = {
        name: {
            figure: {("", n): float(call[figure]) for n, call in enumerate(own)}
            for figure in FIGURES
        }
        for name, own in calls.items()
    }
    return {
        f"{name} - {base}": {
            figure: difference(columns[base][figure], columns[name][figure], paired=False)
            for figure in FIGURES
        }
        for name in others
    }


def samples(calls: Mapping[str, list[dict[str, Any]]]) -> str:
    """Return the first calls of each model as Markdown; what was said is quoted as it is."""
    parts = [
        "# Held-out calls\n\nThe first of each, unedited. `assistant` is the salesperson under training, `user` the customer.\n"
    ]
    for name, own in calls.items():
        for number, call in enumerate(own[:SHOWN]):
            said = "\n".join(f"    {line}" for line in call["output"].splitlines() if line.strip())
            parts.append(
                f"## {name}, call {number}: progress {call['progress']:.2f}, deal {call['outcome']:.0f}\n\n{said}\n"
            )
    return "\n".join(parts)


if __name__ == "__main__":
    main()
