"""Comparison of salesperson models on held-out calls, from verl's validation dumps."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter

from gsim_env.evaluation.compare import mean_difference_interval
from gsim_env.evaluation.schema import IntervalField
from gsim_env.util.files import sha256_file, write_atomically
from gsim_env.util.stats import ConfidenceInterval, mean_confidence_interval
from gsim_recipes.command_line import current_shell_command, parse_name_value

METRICS = ("score", "outcome", "progress")
"""Reward, deal (0 or 1) and progress toward one (0 to 1); see ``gsim_env.rewards``."""

SAMPLES = 3
"""Calls of each model in samples.md."""

Call = dict[str, Any]
"""A line of verl's validation dump: ``output``, and the reward's terms."""


def main(
    calls: Annotated[
        list[str], typer.Option(help="NAME=FILE of a model's dump; repeat for each model.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for report.json and samples.md.")],
) -> None:
    """Compare salesperson models by their held-out calls, with confidence intervals.

    verl dumps the calls of a validation to trainer.validation_data_dir; with trainer.val_only=true
    it only validates. The dumps' calls are in no common order, so differences are those of
    independent samples.
    """
    files = dict(map(_parse_name_file, calls))
    calls_by_model = {name: _read_dumped_calls(file) for name, file in files.items()}

    models = {name: _mean_metrics(calls_by_model[name]) for name in calls_by_model}
    differences = _differences_from_first(calls_by_model)
    report = {
        "command": current_shell_command("gsim_recipes.sales_grpo.held_out"),
        "sha256": {name: sha256_file(file) for name, file in files.items()},
        "models": models,
        "differences": differences,
    }
    out.mkdir(parents=True, exist_ok=True)
    write_atomically(out / "report.json", json.dumps(report, indent=1) + "\n")
    write_atomically(out / "samples.md", _calls_as_markdown(calls_by_model))
    print(json.dumps({**models, **differences}, indent=1))


def _parse_name_file(text: str) -> tuple[str, Path]:
    """Parse a command-line option ``NAME=FILE`` and return its name and existing file.

    Raises:
        typer.BadParameter: if the text is malformed or there is no such file.
    """
    name, file = parse_name_value(text)
    if not Path(file).is_file():
        raise typer.BadParameter(f"Expected NAME=FILE with a file that verl dumped, got {text!r}.")
    return name, Path(file)


def _read_dumped_calls(file: Path) -> list[Call]:
    """Read the calls of a validation dump of verl."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def _mean_metrics(calls: Sequence[Call]) -> dict[str, dict[str, float | None]]:
    """Return the mean of each metric over calls, with its confidence interval."""
    return {
        name: _interval_as_json(mean_confidence_interval([call[name] for call in calls]))
        for name in METRICS
    }


def _differences_from_first(calls_by_model: Mapping[str, Sequence[Call]]) -> dict[str, Any]:
    """Return each model's mean metrics minus the first model's."""
    first, *others = calls_by_model
    return {
        f"{name} - {first}": _metric_differences(calls_by_model[first], calls_by_model[name])
        for name in others
    }


def _metric_differences(first: Sequence[Call], second: Sequence[Call]) -> dict[str, Any]:
    """Return the mean of each metric, second minus first, with its confidence interval."""
    differences = {}
    for name in METRICS:
        columns = [
            {("", number): float(call[name]) for number, call in enumerate(calls)}
            for calls in (first, second)
        ]
        differences[name] = _interval_as_json(mean_difference_interval(*columns, paired=False))
    return differences


def _interval_as_json(interval: ConfidenceInterval) -> dict[str, float | None]:
    """Return an interval's fields as in ``results.json`` of an evaluation: NaN is ``None``."""
    fields: dict[str, float | None] = TypeAdapter(IntervalField).dump_python(interval)
    return fields


def _calls_as_markdown(calls_by_model: Mapping[str, Sequence[Call]]) -> str:
    """Return the first calls of each model as Markdown, unedited."""
    title = (
        "# Held-out calls\n\nThe first calls of each model, unedited. `assistant` is the "
        "salesperson under training, `user` the customer.\n"
    )
    parts = [title]
    for name, calls in calls_by_model.items():
        for number, call in enumerate(calls[:SAMPLES]):
            lines = [f"    {line}" for line in call["output"].splitlines() if line.strip()]
            metrics = f"progress {call['progress']:.2f}, deal {call['outcome']:.0f}"
            parts.append(f"## {name}, call {number}: {metrics}\n\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    typer.run(main)
