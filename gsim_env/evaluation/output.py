"""The output folder of an evaluation: results, calls and ratings, written and read back."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from gsim_env.errors import ConfigurationError
from gsim_env.evaluation.judge.judge import JudgeRating
from gsim_env.evaluation.records import EvaluatedCall, read_calls_file
from gsim_env.evaluation.report.page import write_html_report
from gsim_env.evaluation.report.results import EvaluationResults
from gsim_env.util.files import write_atomically, write_jsonl

__all__ = [
    "CALLS",
    "RATINGS",
    "RESULTS",
    "read_evaluated_calls",
    "read_evaluation_results",
    "read_judge_ratings",
    "write_evaluated_calls",
    "write_judge_ratings",
    "write_results_and_report",
]

RESULTS = "results.json"
CALLS = "calls.jsonl"
RATINGS = "ratings.jsonl"


def write_results_and_report(
    out: Path, results: EvaluationResults, calls: Sequence[EvaluatedCall]
) -> None:
    """Write ``results.json`` and the HTML report with its tables and charts to a folder."""
    write_atomically(out / RESULTS, results.model_dump_json(indent=1) + "\n")
    write_html_report(results, calls, out)


def write_evaluated_calls(out: Path, calls: Sequence[EvaluatedCall]) -> None:
    """Write the calls of an evaluation to ``calls.jsonl`` in its output folder."""
    write_jsonl(out / CALLS, (call.model_dump_json() for call in calls))


def write_judge_ratings(out: Path, ratings: Sequence[JudgeRating]) -> None:
    """Write a judge's ratings to ``ratings.jsonl`` in the evaluation's output folder."""
    write_jsonl(out / RATINGS, (rating.model_dump_json() for rating in ratings))


def read_evaluation_results(folder: Path) -> EvaluationResults:
    """Read the ``results.json`` of a finished evaluation.

    Raises:
        ConfigurationError: if the file is missing, or does not fit the models.
    """
    file = folder / RESULTS
    try:
        return EvaluationResults.model_validate_json(file.read_bytes())
    except OSError as error:
        raise ConfigurationError(
            f"{folder} holds no finished evaluation ({error}). "
            f"Run one first: gsim evaluate run --out {folder}"
        ) from error
    except ValidationError as error:
        raise ConfigurationError(
            f"{file} does not fit this version of gsim-env: {error}\n"
            f"Run the evaluation again: gsim evaluate run --out {folder}"
        ) from error


def read_evaluated_calls(folder: Path) -> list[EvaluatedCall]:
    """Read the calls of a finished evaluation; recorded calls have the method ``"human"``.

    Raises:
        ConfigurationError: if the folder holds no finished evaluation.
    """
    read_evaluation_results(folder)
    return read_calls_file(folder / CALLS)


def read_judge_ratings(folder: Path) -> list[JudgeRating]:
    """Read the judge's ratings of an evaluation.

    Raises:
        ConfigurationError: if the evaluation has no ratings.
    """
    file = folder / RATINGS
    if not file.is_file():
        raise ConfigurationError(
            f"{folder} has no ratings of a judge. "
            f"Run first: gsim evaluate run --out {folder} --judge ..."
        )
    lines = file.read_bytes().split(b"\n")
    return [JudgeRating.model_validate_json(line) for line in lines if line]
