"""Rating sheets for human raters (section 4.3): write a blind, shuffled CSV, and read it back."""

import csv
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict

from gsim_env.errors import ConfigurationError
from gsim_env.evaluation.judge.rubric import (
    EVALUATORS,
    MAX_SCORE,
    describe_outcome,
    dimension_rubric_line,
    format_transcript,
    judge_prompt_template,
    profile_as_line,
)
from gsim_env.evaluation.records import EvaluatedCall
from gsim_env.groups import Group

__all__ = ["HumanRating", "RatingSheetFiles", "read_human_ratings", "write_rating_sheet"]

CALL_COLUMNS = ("id", "profile", "archetype_definition", "transcript")
RATER_COLUMNS = (*EVALUATORS, "rater")
COLUMNS = (*CALL_COLUMNS, *RATER_COLUMNS)

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""First characters that make a spreadsheet run a cell as a formula (OWASP, *CSV injection*)."""

DELIMITERS = ",;\t"

MAX_LISTED_ERRORS = 20


class RatingSheetFiles(NamedTuple):
    """Paths of a rating sheet's files: sheet, instructions and key.

    Attributes:
        sheet: The CSV that raters fill in.
        instructions: The instructions that raters read first.
        key: Maps each id to its call; not for raters.
    """

    sheet: Path
    instructions: Path
    key: Path


class HumanRating(BaseModel):
    """One human rater's scores of one call.

    Attributes:
        call: :attr:`EvaluatedCall.id`.
        rater: Name or initials.
        scores: 0 to 10 by evaluator; blank cells are absent.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    call: str
    rater: str
    scores: dict[str, float]


def write_rating_sheet(
    calls: Sequence[EvaluatedCall], group: Group, out: Path, n_per_method: int = 50, seed: int = 0
) -> RatingSheetFiles:
    """Write a blind rating sheet for people: sampled calls of all methods, shuffled.

    Recorded human calls are included if they are among ``calls``.

    Args:
        calls: The calls to sample from; failed ones are left out.
        group: The group, for the archetypes' definitions.
        out: The sheet, a CSV; ``NAME.instructions.txt`` and ``NAME.key.json`` are written next to
            it.
        n_per_method: Calls sampled per method; all if there are fewer.
        seed: Seed of the sample and of the order.

    Raises:
        ConfigurationError: if there is no call to rate, ``n_per_method`` is below 1, or the group
            does not define an archetype.
    """
    if n_per_method < 1:
        raise ConfigurationError(f"n_per_method must be at least 1, got {n_per_method}.")

    sampled = _sample(calls, n_per_method, seed)
    files = RatingSheetFiles(
        out, out.with_suffix(".instructions.txt"), out.with_suffix(".key.json")
    )
    out.parent.mkdir(parents=True, exist_ok=True)

    # The byte order mark makes spreadsheets read UTF-8.
    with out.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for name, call in sampled.items():
            blank = [""] * len(RATER_COLUMNS)
            writer.writerow([*map(_escape_formula, _row(name, call, group)), *blank])

    files.instructions.write_text(_instructions(), encoding="utf-8")
    key = {name: call.id for name, call in sampled.items()}
    files.key.write_text(json.dumps(key, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return files


def _sample(
    calls: Sequence[EvaluatedCall], n_per_method: int, seed: int
) -> dict[str, EvaluatedCall]:
    """Return a random sample of each method's calls in random order, by sheet id."""
    by_method: dict[str, list[EvaluatedCall]] = defaultdict(list)
    for call in calls:
        if call.turns:
            by_method[call.method].append(call)
    if not by_method:
        raise ConfigurationError(
            f"None of {len(calls)} call(s) has turns: there is nothing to rate. "
            "Name a finished evaluation."
        )

    rng = np.random.default_rng(seed)
    sampled: list[EvaluatedCall] = []
    for members in by_method.values():
        sampled += [members[index] for index in rng.permutation(len(members))[:n_per_method]]

    order = rng.permutation(len(sampled))
    return {f"c{number:04}": sampled[index] for number, index in enumerate(order, start=1)}


def _row(name: str, call: EvaluatedCall, group: Group) -> tuple[str, ...]:
    group.check_profile(call.profile)
    definition = group.config.archetypes[call.profile.archetype].definition
    transcript = f"{format_transcript(call)}\n({describe_outcome(call)})"
    return name, profile_as_line(call.profile), definition, transcript


def _escape_formula(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell


def _instructions() -> str:
    """Return the judge's rubric for people, without what only a program needs."""
    sections: list[str] = []
    for evaluator in EVALUATORS.values():
        entries = map(dimension_rubric_line, evaluator.dimensions)
        task = judge_prompt_template(evaluator.name).template
        sections.append("\n".join([evaluator.name.upper(), task, "Its points:", *entries]))

    text = judge_prompt_template("raters", "evaluators", "rules")
    rules = judge_prompt_template("rules").template
    return text.substitute(evaluators="\n\n".join(sections), rules=rules) + "\n"


def read_human_ratings(sheets: Sequence[Path], key: Path) -> list[HumanRating]:
    """Read the scores of filled-in rating sheets, one or more sheets per human rater.

    Rows without any score are skipped; blank cells are missing. Cells may be separated by comma,
    semicolon or tab, and numbers may have a decimal comma, as spreadsheets save them in some
    countries. Where the column ``rater`` is blank, the sheet's file name is the rater.

    Args:
        sheets: CSV files in UTF-8.
        key: The key that :func:`write_rating_sheet` wrote.

    Raises:
        ConfigurationError: naming file, line and value: a score that is not a number from 0 to 10,
            an unknown id, a call that one rater rated twice, a missing column, an unreadable file.
    """
    ids = _read_key(key)
    errors: list[str] = []
    ratings: dict[tuple[str, str], HumanRating] = {}
    for sheet in sheets:
        for line, row in _rows(sheet):
            location = f"{sheet}, line {line}"
            name = row["id"].strip()
            if name not in ids:
                errors.append(
                    f"{location}: unknown id {name!r}, expected one of the {len(ids)} of {key}"
                )
                continue

            rater = row["rater"].strip() or sheet.stem
            scores = _scores(row, location, errors)
            if not scores:
                continue

            if (rater, name) in ratings:
                errors.append(
                    f"{location}: {rater!r} has rated {name!r} before, "
                    "expected one row per rater and call"
                )
            ratings[rater, name] = HumanRating(call=ids[name], rater=rater, scores=scores)

    _raise_errors(errors)
    return list(ratings.values())


def _read_key(key: Path) -> dict[str, str]:
    try:
        ids: dict[str, str] = json.loads(key.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"The key {key} cannot be read: {error}. Name the key that was written with the sheet."
        ) from error
    return ids


def _raise_errors(errors: Sequence[str]) -> None:
    """Raise one error that lists all problems; return if there are none."""
    if not errors:
        return

    listed = "\n".join(errors[:MAX_LISTED_ERRORS])
    hidden = len(errors) - MAX_LISTED_ERRORS
    more = f"\n... and {hidden} more" if hidden > 0 else ""
    raise ConfigurationError(
        f"{len(errors)} rating(s) cannot be used. Correct the sheet:\n{listed}{more}"
    )


def _rows(sheet: Path) -> list[tuple[int, dict[str, str]]]:
    """Return the rows that are not blank, each with the number of its first line."""
    try:
        text = sheet.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{sheet} cannot be read: {error}. Save it as CSV (UTF-8)."
        ) from error

    # The delimiter is the one that is most frequent in the header.
    head = text.partition("\n")[0]
    reader = csv.reader(StringIO(text, newline=""), delimiter=max(DELIMITERS, key=head.count))
    header = [cell.strip().lower() for cell in next(reader, [])]
    required = ("id", *RATER_COLUMNS)
    absent = [name for name in required if name not in header]
    if absent:
        raise ConfigurationError(
            f"{sheet}, line 1: no column {', '.join(absent)}; expected {', '.join(required)}."
        )

    rows: list[tuple[int, dict[str, str]]] = []
    first_line = reader.line_num + 1
    for cells in reader:
        if any(cell.strip() for cell in cells):
            padding = [""] * (len(header) - len(cells))
            rows.append((first_line, dict(zip(header, [*cells, *padding], strict=False))))
        first_line = reader.line_num + 1
    return rows


def _scores(row: Mapping[str, str], location: str, errors: list[str]) -> dict[str, float]:
    """Return the legal scores of a row; add a message to ``errors`` for each of the others."""
    scores: dict[str, float] = {}
    for name in EVALUATORS:
        cell = row[name].strip()
        if not cell:
            continue

        try:
            score = float(cell.replace(",", "."))
        except ValueError:
            score = -1.0
        if 0 <= score <= MAX_SCORE:
            scores[name] = score
        else:
            errors.append(
                f"{location}: {name} is {cell!r}, "
                f"expected a number from 0 to {MAX_SCORE}, or a blank cell"
            )
    return scores
