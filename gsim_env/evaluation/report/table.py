"""A table of numbers with intervals, and its output as CSV and Markdown.

What was not measured is an empty field in CSV and a dash elsewhere, never a zero.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Literal

from gsim_env.util.stats import ConfidenceInterval

__all__ = [
    "DASH",
    "ResultsTable",
    "TableColumn",
    "TableRow",
    "format_value_with_interval",
    "write_table_csv",
    "write_tables_markdown",
]

DASH = "\N{EN DASH}"
"""Shown for what was not measured."""

FILE_DECIMALS = 6

Better = Literal["up", "down", "half"]
ARROWS: dict[Better, str] = {"up": "↑", "down": "↓", "half": "→ ½"}


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A numeric column of a results table.

    Attributes:
        key: Its name in the CSV file: the field of the results that it shows.
        label: Its heading on the page.
        better: Which values are better: higher, lower or nearer to one half; ``None`` if neither.
        group: The heading that it shares with its neighbors, if any.
        digits: Decimals on the page; the file has six.
        has_interval: Whether its values have intervals.
    """

    key: str
    label: str
    better: Better | None = None
    group: str = ""
    digits: int = 2
    has_interval: bool = True

    @property
    def arrow(self) -> str:
        """The arrow that shows which values of the column are better; empty if neither."""
        return ARROWS[self.better] if self.better else ""

    @property
    def csv_header(self) -> list[str]:
        """Names of the column's CSV fields: four with an interval, else one."""
        return [
            self.key + end for end in (("", "_low", "_high", "_n") if self.has_interval else ("",))
        ]

    def format(self, value: float) -> str:
        """Return a value as text; a small value is ``< 0.01``, never rounded to zero."""
        if math.isnan(value):
            return DASH

        smallest: float = 10.0**-self.digits
        if 0 < value < smallest / 2:
            return f"< {smallest:.{self.digits}f}"

        text = f"{value:,.{self.digits}f}"
        is_zero = float(text.replace(",", "")) == 0
        return text.removeprefix("-") if is_zero else text.replace("-", "\N{MINUS SIGN}")


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row of a results table.

    Attributes:
        name: The method, archetype or dimension it shows.
        cells: One value with its interval per column.
        block: What it shares with the rows around it: in table 1 the archetype.
        is_method: Whether it may be the best; the people's row may not.
    """

    name: str
    cells: tuple[ConfidenceInterval, ...]
    block: str = ""
    is_method: bool = True


@dataclass(frozen=True, slots=True)
class ResultsTable:
    """A results table: title, note, columns and rows of values with intervals.

    Attributes:
        name: Name of its file.
        title: Its heading.
        note: How to read it.
        index: Headings of the rows' names: one, or two where rows form blocks.
        columns: The numeric columns.
        rows: The rows; those of a block are neighbors.
    """

    name: str
    title: str
    note: str
    index: tuple[str, ...]
    columns: tuple[TableColumn, ...]
    rows: tuple[TableRow, ...] = ()

    @property
    def groups(self) -> list[tuple[str, int]]:
        """Shared headings with the number of columns each spans; empty if there are none."""
        spans = [
            (name, len(list(columns)))
            for name, columns in groupby(self.columns, key=attrgetter("group"))
        ]
        return spans if any(name for name, _ in spans) else []

    @property
    def blocks(self) -> list[tuple[str, list[TableRow]]]:
        """The blocks of the table: each block's name and rows."""
        return [(name, list(rows)) for name, rows in groupby(self.rows, key=attrgetter("block"))]

    @property
    def headings(self) -> list[str]:
        """Headings of the columns, with the group where two columns have the same label."""
        counts = Counter(column.label for column in self.columns)
        headings = []
        for column in self.columns:
            prefix = f"{column.group}: " if counts[column.label] > 1 else ""
            headings.append(f"{prefix}{column.label} {column.arrow}".rstrip())
        return headings

    def labels(self, row: TableRow) -> tuple[str, ...]:
        """Return a row's labels, one per index heading."""
        return (row.block, row.name)[-len(self.index) :]

    def best_rows(self, block: Sequence[TableRow], index: int) -> set[str]:
        """Return the names of the rows with the best shown value in a column of a block.

        Empty if the column has no better direction, or if all methods show the same value.
        """
        column = self.columns[index]
        values = {
            row.name: round(row.cells[index].value, column.digits)
            for row in block
            if row.is_method and not math.isnan(row.cells[index].value)
        }
        if column.better is None or len(values) < 2:
            return set()

        losses = {name: _loss(value, column.better) for name, value in values.items()}
        least = min(losses.values())
        best = {name for name, value in losses.items() if value == least}
        return best if len(best) < len(losses) else set()


def _loss(value: float, better: Better) -> float:
    """Return a number that is lower for better values."""
    match better:
        case "up":
            return -value
        case "down":
            return value
        case "half":
            return round(abs(value - 0.5), FILE_DECIMALS)


def format_value_with_interval(column: TableColumn, cell: ConfidenceInterval) -> str:
    """Return a value and its interval as text, such as ``0.50 [0.40, 0.60]``."""
    text = column.format(cell.value)
    if math.isnan(cell.low):
        return text
    return f"{text} [{column.format(cell.low)}, {column.format(cell.high)}]"


def write_table_csv(file: Path, table: ResultsTable) -> None:
    """Write a results table as CSV; a value with an interval has columns for its ends and n."""
    import pandas as pd

    header = list(table.index)
    for column in table.columns:
        header += column.csv_header

    records = []
    for row in table.rows:
        record: list[str | float | None] = list(table.labels(row))
        for column, cell in zip(table.columns, row.cells, strict=True):
            record += _csv_fields(cell)[: len(column.csv_header)]
        records.append(record)

    frame = pd.DataFrame(records, columns=header)
    frame.to_csv(file, index=False, float_format=_format_number, lineterminator="\n")


def _format_number(value: float) -> str:
    """Return a number with at most six decimals; a smaller one, such as 1e-09, is not cut to 0."""
    text = f"{value:.{FILE_DECIMALS}f}".rstrip("0").rstrip(".")
    return f"{value:.3g}" if value and float(text) == 0 else text


def _csv_fields(cell: ConfidenceInterval) -> tuple[float | None, ...]:
    """Return value, low, high and n of a cell; all ``None`` if it was not measured."""
    return (None, None, None, None) if math.isnan(cell.value) else tuple(cell)


def write_tables_markdown(file: Path, tables: Iterable[ResultsTable]) -> None:
    """Write results tables as Markdown, for a README or a paper; the best value is bold."""
    file.write_text("\n\n".join(map(_table_as_markdown, tables)) + "\n", encoding="utf-8")


def _table_as_markdown(table: ResultsTable) -> str:
    """Return a table under its title."""
    import pandas as pd

    records = []
    for _, block in table.blocks:
        best = [table.best_rows(block, index) for index in range(len(table.columns))]
        for row in block:
            record = list(table.labels(row))
            for column, cell, best_rows in zip(table.columns, row.cells, best, strict=True):
                text = format_value_with_interval(column, cell)
                record.append(f"**{text}**" if row.name in best_rows else text)
            records.append([text.replace("|", r"\|") for text in record])

    frame = pd.DataFrame(records, columns=[*table.index, *table.headings])
    body = frame.to_markdown(index=False, disable_numparse=True)
    return f"## {table.title}\n\n{body}\n\n{table.note}".rstrip()
