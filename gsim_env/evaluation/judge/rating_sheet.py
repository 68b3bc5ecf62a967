"""The sheet that human raters fill in (section 4.3).

Blind, shuffled, for any spreadsheet; and reading it back.
"""

import csv
import json
from collections import defaultdict
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict

from gsim_env.errors import ConfigurationError
from gsim_env.evaluation.judge.rubric import (
    EVALUATORS,
    HIGHEST,
    described,
    prompt,
    shown_ending,
    shown_profile,
    shown_transcript,
)
from gsim_env.evaluation.records import EvaluatedCall
from gsim_env.groups import Group

__all__ = ["HumanRating", "Sheet", "read_ratings", "write_rating_sheet"]

SHOWN = ("id", "profile", "archetype_definition", "transcript")
COLUMNS = (*SHOWN, *EVALUATORS, "rater")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a cell begins with that a spreadsheet takes for a formula (OWASP, *CSV injection*)."""

DELIMITERS = ",;\t"
MOST_ERRORS = 20


class Sheet(NamedTuple):
    """The files of a rating sheet.

    Attributes:
        sheet: What raters get.
        instructions: What they read first.
        key: Which id is which call: not for raters.
    """

    sheet: Path
    instructions: Path
    key: Path


class HumanRating(BaseModel):
    """What one rater gave one call.

    Attributes:
        call: :attr:`EvaluatedCall.id`.
        rater: Name or sign.
        scores: 0 to 10 by evaluator; those left blank are not there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    call: str
    rater: str
    scores: dict[str, float]


def write_rating_sheet(
    calls: Sequence[EvaluatedCall], group: Group, out: Path, n_per_method: int = 50, seed: int = 0
) -> Sheet:
    """Write a blind sheet of calls of all methods, people's too if they are among ``calls``, in one
    shuffled order.

    Args:
        calls: To draw from; failed ones are left out.
        group: The cohort, for the archetypes' definitions.
        out: The sheet, a CSV; ``NAME.instructions.txt`` and ``NAME.key.json`` are written beside
            it.
        n_per_method: Calls drawn of each method; all if there are fewer.
        seed: Of the draw and the order.

    Raises:
        ConfigurationError: if there is no call to rate, ``n_per_method`` is below 1, or an
            archetype is none of the group's.
    """
    if n_per_method < 1:
        raise ConfigurationError(f"n_per_method must be at least 1, got {n_per_method}.")
    rng = np.random.default_rng(seed)
    methods: dict[str, list[EvaluatedCall]] = defaultdict(list)
    for call in calls:
        if call.turns:
            methods[call.method].append(call)
    drawn = [
        own[index] for own in methods.values() for index in rng.permutation(len(own))[:n_per_method]
    ]
    if not drawn:
        raise ConfigurationError(
            f"None of {len(calls)} call(s) has turns: there is nothing to rate."
        )
    named = {
        f"c{number:04}": drawn[index]
        for number, index in enumerate(rng.permutation(len(drawn)), start=1)
    }
    files = Sheet(out, out.with_suffix(".instructions.txt"), out.with_suffix(".key.json"))
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open(
        "w", encoding="utf-8-sig", newline=""
    ) as stream:  # the mark makes spreadsheets read UTF-8
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        writer.writerows(
            [*map(_guarded, _row(name, call, group)), *[""] * 4] for name, call in named.items()
        )
    files.instructions.write_text(_instructions(), encoding="utf-8")
    key = {name: call.id for name, call in named.items()}
    files.key.write_text(json.dumps(key, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return files


def _row(name: str, call: EvaluatedCall, group: Group) -> tuple[str, ...]:
    group.check_profile(call.profile)
    definition = group.config.archetypes[call.profile.archetype].definition
    return (
        name,
        shown_profile(call.profile),
        definition,
        f"{shown_transcript(call)}\n({shown_ending(call)})",
    )


def _guarded(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def _instructions() -> str:
    """The rubric that the judge is given, but for what only a program needs to be told."""
    parts = []
    for evaluator in EVALUATORS.values():
        points = map(described, evaluator.dimensions)
        parts.append(
            "\n".join(
                [evaluator.name.upper(), prompt(evaluator.name).template, "Its points:", *points]
            )
        )
    text = prompt("raters", "evaluators", "rules")
    return text.substitute(evaluators="\n\n".join(parts), rules=prompt("rules").template) + "\n"


def read_ratings(sheets: Sequence[Path], key: Path) -> list[HumanRating]:
    """Read sheets that came back, one or more a rater.

    Rows without any score are left out, blank cells are missing.

    Comma, semicolon or tab may separate cells, and numbers may have a decimal comma: spreadsheets
    save what is usual where the rater lives. Where the column ``rater`` is blank, the sheet's file
    name stands for the rater.

    Args:
        sheets: CSV files in UTF-8.
        key: As :func:`write_rating_sheet` wrote it.

    Raises:
        ConfigurationError: naming file, line and value of whatever is not legal: a score that is no
            number from 0 to 10, an unknown id, a call that a rater rated twice, a missing column, a
            file that cannot be read.
    """
    try:
        ids: dict[str, str] = json.loads(key.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"The key {key} cannot be read: {error}. It was written beside the sheet."
        ) from error
    errors: list[str] = []
    ratings: dict[tuple[str, str], HumanRating] = {}
    for sheet in sheets:
        for line, row in _rows(sheet):
            place = f"{sheet}, line {line}"
            name = row["id"].strip()
            if name not in ids:
                errors.append(
                    f"{place}: unknown id {name!r}, expected one of the {len(ids)} of {key}"
                )
                continue
            scores = _scores(row, place, errors)
            rater = row["rater"].strip() or sheet.stem
            if not scores:
                continue
            if (rater, name) in ratings:
                errors.append(
                    f"{place}: {rater!r} has rated {name!r} before, expected one row a rater and call"
                )
            ratings[rater, name] = HumanRating(call=ids[name], rater=rater, scores=scores)
    if errors:
        more = f"\n... and {len(errors) - MOST_ERRORS} more" if len(errors) > MOST_ERRORS else ""
        listed = "\n".join(errors[:MOST_ERRORS])
        raise ConfigurationError(
            f"{len(errors)} rating(s) cannot be used. Correct the sheet:\n{listed}{more}"
        )
    return list(ratings.values())


def _rows(sheet: Path) -> list[tuple[int, dict[str, str]]]:
    """Return the rows that are not blank, each with the line it begins in."""
    try:
        text = sheet.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{sheet} cannot be read: {error}. Save it as CSV (UTF-8)."
        ) from error
    head = text.partition("\n")[0]
    reader = csv.reader(StringIO(text, newline=""), delimiter=max(DELIMITERS, key=head.count))
    header = [cell.strip().lower() for cell in next(reader, [])]
    needed = ("id", *EVALUATORS, "rater")
    absent = [name for name in needed if name not in header]
    if absent:
        raise ConfigurationError(
            f"{sheet}, line 1: no column {', '.join(absent)}; expected {', '.join(needed)}."
        )
    rows, begins = [], reader.line_num + 1
    for cells in reader:
        if any(cell.strip() for cell in cells):
            filled = [*cells, *[""] * (len(header) - len(cells))]
            rows.append((begins, dict(zip(header, filled, strict=False))))
        begins = reader.line_num + 1
    return rows


def _scores(row: dict[str, str], place: str, errors: list[str]) -> dict[str, float]:
    scores = {}
    for name in EVALUATORS:
        cell = row[name].strip()
        if not cell:
            continue
        try:
            score = float(cell.replace(",", "."))
        except ValueError:
            score = -1.0
        if 0 <= score <= HIGHEST:
            scores[name] = score
        else:
            errors.append(
                f"{place}: {name} is {cell!r}, expected a number from 0 to {HIGHEST}, or nothing"
            )
    return scores
