"""The tables of an evaluation, in the layouts of the paper.

Rows for CSV files, for Markdown and for the page.

What is absent stays absent: an empty field of the file, a dash on the page, and never a zero.
"""

import csv
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal

from gsim_env.evaluation.records import HUMAN

__all__ = [
    "ABSENT",
    "PEOPLE",
    "Cell",
    "Column",
    "Row",
    "Table",
    "spoken",
    "tables",
    "write_csv",
    "write_markdown",
]

ABSENT = "\N{EN DASH}"
PEOPLE = "people"
"""How :data:`HUMAN` is called where somebody reads it."""

Better = Literal["up", "down", "half"]
ARROWS: dict[Better, str] = {"up": "↑", "down": "↓", "half": "→ ½"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of figures.

    Attributes:
        key: Its name in the file.
        label: Its name on the page.
        better: Which way is good: higher, lower, or nearer to one half; ``None`` where that is not
            clear.
        group: The heading that it shares with its neighbors, if any.
        digits: Decimals on the page; the file has six.
        plain: Its figures have no interval.
    """

    key: str
    label: str
    better: Better | None = None
    group: str = ""
    digits: int = 2
    plain: bool = False

    @property
    def arrow(self) -> str:
        """The sign for which way is good."""
        return ARROWS[self.better] if self.better else ""

    def show(self, value: float | None) -> str:
        """Return a figure as it is read; one that is not zero is not rounded to zero."""
        if value is None:
            return ABSENT
        least: float = 10.0**-self.digits
        if 0 < value < least / 2:
            return f"< {least:.{self.digits}f}"
        text = f"{value:,.{self.digits}f}"
        return (
            text.removeprefix("-")
            if float(text.replace(",", "")) == 0
            else text.replace("-", "\N{MINUS SIGN}")
        )


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure, its 95 % interval, and how many calls it is of.

    Each ``None`` where it is absent. Or words instead.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    text: str = ""

    @classmethod
    def of(cls, found: Any) -> "Cell":
        """Return the cell for what results hold: an interval, a number, a word, or nothing."""
        if isinstance(found, Mapping):
            n = found.get("n")
            low, high = number(found.get("low")), number(found.get("high"))
            return cls(number(found.get("value")), low, high, None if n is None else int(n))
        if isinstance(found, bool):
            return cls(text="yes" if found else "no")
        if isinstance(found, int | float):
            return cls(number(found))
        return cls(text="" if found is None else str(found))


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table.

    Attributes:
        name: Whose figures.
        cells: One a column.
        block: What the lines around it share: in Table 1 the kind of customer.
        compared: Whether it may be the best; people may not.
    """

    name: str
    cells: tuple[Cell, ...]
    block: str = ""
    compared: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        name: Of its file.
        title: Its heading.
        note: How to read it.
        of: What the rows' names are: the header of the file's first column, or columns where there
            are blocks.
        columns: What is in the cells.
        rows: The lines; those of a block are neighbors.
    """

    name: str
    title: str
    note: str
    of: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: tuple[Row, ...] = field(default=())

    @property
    def groups(self) -> list[tuple[str, int]]:
        """The headings over the columns and how many columns each spans.

        Empty where there are none.
        """
        spans = [
            (name, len(list(found)))
            for name, found in groupby(self.columns, key=attrgetter("group"))
        ]
        return spans if any(name for name, _ in spans) else []

    @property
    def blocks(self) -> list[tuple[str, list[Row]]]:
        """The rows by block."""
        return [(name, list(found)) for name, found in groupby(self.rows, key=attrgetter("block"))]

    def best(self, block: Sequence[Row], place: int) -> set[str]:
        """Return which rows of a block are best in a column, as far as the shown digits tell.

        None if all are alike.
        """
        column = self.columns[place]
        values = [
            (row.name, round(value, column.digits))
            for row in block
            if row.compared and (value := row.cells[place].value) is not None
        ]
        if column.better is None or len(values) < 2:
            return set()
        close = {name: goodness(value, column.better) for name, value in values}
        best = {
            name
            for name, one in close.items()
            if math.isclose(one, max(close.values()), abs_tol=1e-9)
        }
        return best if len(best) < len(close) else set()


def goodness(value: float, better: Better) -> float:
    """Return a figure as one of which more is better."""
    return {"up": value, "down": -value, "half": -abs(value - 0.5)}[better]


def tables(results: Mapping[str, Any]) -> dict[str, Table]:
    """Return the tables that results have figures for, by name, in the page's order."""
    made = (
        table_1(results),
        table_2(results),
        simple("habits", "How they speak", HABITS_NOTE, HABITS, results, "diversity"),
        simple("faults", "What goes wrong", FAULTS_NOTE, FAULTS, results, "diversity"),
        simple(
            "fidelity",
            "How near to people",
            FIDELITY_NOTE,
            FIDELITY,
            results,
            "fidelity",
            last="people vs people",
        ),
        by_archetype(results),
        acceptance(results),
        rank_correlation(results),
        pass_rates(results),
        table_3(results),
        raters(results),
        checks(results),
    )
    return {table.name: table for table in made if table.rows}


def write_csv(file: Path, table: Table) -> None:
    """Write a table.

    For a figure with an interval four columns (itself, ``_low``, ``_high``, ``_n``), else one.
    """
    header = list(table.of)
    for column in table.columns:
        ends = ("",) if column.plain else ("", "_low", "_high", "_n")
        header += [column.key + end for end in ends]
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        for row in table.rows:
            writer.writerow([*(row.block, row.name)[-len(table.of) :], *fields(table.columns, row)])


def write_markdown(file: Path, laid: Iterable[Table]) -> None:
    """Write tables as they stand on the page, for a README or a paper's draft.

    The best figure of a column is bold.
    """
    file.write_text("\n\n".join(map(markdown, laid)) + "\n", encoding="utf-8")


def markdown(table: Table) -> str:
    """Return a table under its title."""
    labels = Counter(column.label for column in table.columns)
    headings = [
        f"{f'{column.group}: ' if labels[column.label] > 1 else ''}{column.label} {column.arrow}".rstrip()
        for column in table.columns
    ]
    lines = [(*table.of, *headings), ("---",) * (len(table.of) + len(headings))]
    for name, block in table.blocks:
        best = [table.best(block, place) for place in range(len(table.columns))]
        for row in block:
            shown = [
                f"**{text}**" if row.name in first else text
                for text, first in zip(map(in_words, table.columns, row.cells), best, strict=True)
            ]
            lines.append((*(name, row.name)[-len(table.of) :], *shown))
    body = "\n".join(
        f"| {' | '.join(text.replace('|', chr(92) + '|') for text in line)} |" for line in lines
    )
    return f"## {table.title}\n\n{body}\n\n{table.note}"


def in_words(column: Column, cell: Cell) -> str:
    """Return a figure with its interval, as it is read."""
    text = cell.text or column.show(cell.value)
    return (
        text if cell.low is None else f"{text} [{column.show(cell.low)}, {column.show(cell.high)}]"
    )


def fields(columns: Sequence[Column], row: Row) -> Iterator[str]:
    """Yield a row's fields of the file; what is absent is empty."""
    for column, cell in zip(columns, row.cells, strict=True):
        found = (cell.value,) if column.plain else (cell.value, cell.low, cell.high, cell.n)
        yield cell.text or plain(found[0])
        yield from (plain(one) for one in found[1:])


def plain(value: float | None) -> str:
    """Return a number of the file."""
    return "" if value is None else f"{value:.6f}".rstrip("0").rstrip(".")


def number(value: Any) -> float | None:
    """Return a number, or ``None`` where there is none: null and NaN are the same here."""
    return None if value is None or math.isnan(value) else float(value)


def spoken(name: str) -> str:
    """Return an id as words."""
    return PEOPLE if name == HUMAN else name.replace("_", " ")


def at(found: Any, *path: str) -> Any:
    """Return what lies at a path of mappings; ``None`` where it ends before."""
    for key in path:
        if not isinstance(found, Mapping):
            return None
        found = found.get(key)
    return found


def names_in(results: Mapping[str, Any], section: Any) -> list[str]:
    """Return who has figures in a section: methods in their order, people last."""
    return [name for name in (*results["methods"], HUMAN) if name in (section or {})]


def row_of(name: str, columns: Sequence[Column], found: Any, block: str = "") -> Row:
    """Return a method's row, or the people's."""
    cells = tuple(Cell.of(at(found, column.key)) for column in columns)
    return Row(PEOPLE if name == HUMAN else name, cells, block, compared=name != HUMAN)


def simple(
    name: str,
    title: str,
    note: str,
    columns: tuple[Column, ...],
    results: Mapping[str, Any],
    section: str,
    last: str = PEOPLE,
) -> Table:
    """Return a table of one section: a row a method; ``last`` names the people's."""
    found = results.get(section) or {}
    rows = [row_of(who, columns, found[who]) for who in names_in(results, found)]
    named = (Row(last, row.cells, compared=False) if not row.compared else row for row in rows)
    return Table(name, title, note, ("method",), columns, tuple(named))


RATED = "Profile consistency", "Business realism", "Interaction logic"
TABLE_1 = (
    Column("category_alignment", "Cat.", "up", RATED[0]),
    Column("profile_adherence", "Pro.", "up", RATED[0]),
    Column("profile_consistency", "Avg.", "up", RATED[0]),
    Column("brevity", "Bre.", "up", RATED[1]),
    Column("naturalness", "Nat.", "up", RATED[1]),
    Column("context_immersion", "Con.", "up", RATED[1]),
    Column("business_realism", "Avg.", "up", RATED[1]),
    Column("intent_responsiveness", "Int.", "up", RATED[2]),
    Column("logic_consistency", "Log.", "up", RATED[2]),
    Column("interaction_logic", "Avg.", "up", RATED[2]),
    Column("overall", "Overall", "up"),
)


def table_1(results: Mapping[str, Any]) -> Table:
    """Return the ratings by kind of customer and method: the paper's Table 1."""
    scores = at(results, "judge", "scores")
    names = names_in(results, scores)
    rows = (
        row_of(
            name, TABLE_1, scores[name][kind], "all customers" if kind == "all" else spoken(kind)
        )
        for kind in (*results["archetypes"], "all")
        for name in names
        if kind in (scores[name] or {})
    )
    note = (
        "Ratings from 0 to 10, higher is better. Cat.: acts as its kind of customer does; Pro.: keeps to its profile; Bre.: "
        "brief; Nat.: natural; Con.: immersed in its situation; Int.: answers what was said; Log.: changes for a reason."
    )
    return Table(
        "table_1",
        "Table 1. Ratings by kind of customer",
        note,
        ("customers", "method"),
        TABLE_1,
        tuple(rows),
    )


SUBJECTIVE, OBJECTIVE = "Subjective alignment", "Objective diversity"
TABLE_2 = (
    Column("s_pc", "S_PC", "up", SUBJECTIVE),
    Column("s_br", "S_BR", "up", SUBJECTIVE),
    Column("s_il", "S_IL", "up", SUBJECTIVE),
    Column("subjective", "Subj. Avg.", "up", SUBJECTIVE),
    Column("tlv_share", "TLV share", "up", OBJECTIVE, plain=True),
    Column("irs", "IRS", "up", OBJECTIVE),
    Column("snr", "SNR", "up", OBJECTIVE),
    Column("objective", "Obj. Avg.", "up", OBJECTIVE, plain=True),
)


def table_2(results: Mapping[str, Any]) -> Table:
    """Return ratings and diversity by method: the paper's Table 2."""
    diversity = results.get("diversity")
    scores = at(results, "judge", "scores")
    rated = {
        "s_pc": "profile_consistency",
        "s_br": "business_realism",
        "s_il": "interaction_logic",
        "subjective": "overall",
    }
    rows = []
    for name in names_in(results, {**(diversity or {}), **(scores or {})}):
        found = {key: at(scores, name, "all", score) for key, score in rated.items()}
        rows.append(row_of(name, TABLE_2, {**(at(diversity, name) or {}), **found}))
    note = (
        "S_PC, S_BR, S_IL: profile consistency, business realism, interaction logic, 0 to 10. TLV share: variance of turn "
        "lengths, as a share of the methods' sum. IRS: how unlike a customer's answers are; SNR: share of the stages visited."
    )
    return Table(
        "table_2", "Table 2. Ratings and diversity", note, ("method",), TABLE_2, tuple(rows)
    )


HABITS = (
    Column("words_per_turn", "words a turn", digits=1),
    Column("short_turns", "≤ 5 words"),
    Column("long_turns", "> 50 words"),
    Column("turns", "turns a call", digits=1),
    Column("tlv", "TLV, raw", "up", digits=1),
    Column("snr_pooled", "SNR, pooled", "up", plain=True),
    Column("distinct_1", "distinct-1", "up", plain=True),
    Column("distinct_2", "distinct-2", "up", plain=True),
)
HABITS_NOTE = (
    "Shares of turns of five words or fewer and of more than fifty. SNR, pooled: stages visited in any call. Distinct-1 and "
    "-2: distinct words and word pairs among all; they fall as calls are added."
)
FAULTS = (
    Column("role_inversion", "role inversion", "down"),
    Column("leaked", "leaked", "down"),
    Column("repetition", "repetition", "down"),
    Column("premature_hang_up", "hung up too early", "down"),
    Column("late_hang_up", "hung up too late", "down"),
)
FAULTS_NOTE = "Shares, lower is better: speaking as the salesperson, speaking of the instructions, saying the same again."
FIDELITY = (
    Column("words_distance", "turn length", "down"),
    Column("c2st_accuracy", "told apart", "half"),
    Column("p_real", "P(real)", "up"),
    Column("stage_distance", "stages", "down"),
    Column("outcome_distance", "outcomes", "down"),
)
FIDELITY_NOTE = (
    "Turn length: Wasserstein distance in words. Told apart: accuracy of a classifier of people and machine, 0.5 if it cannot "
    "tell. P(real): the group's discriminator. Stages: Jensen-Shannon distance, 0 to 1. Outcomes: total variation, 0 to 1. "
    "The last row has other people in a method's place: nothing can be expected to be nearer. Its P(real) is people's own."
)
KINDS = (
    Column("words_per_turn", "words a turn", digits=1),
    Column("irs", "IRS", "up"),
    Column("snr", "SNR", "up"),
    Column("accepted", "accepted"),
)


def by_archetype(results: Mapping[str, Any]) -> Table:
    """Return diversity and acceptance by kind of customer."""
    found = results.get("by_archetype") or {}
    rows = (
        row_of(name, KINDS, found[name][kind], spoken(kind))
        for kind in results["archetypes"]
        for name in names_in(results, found)
        if kind in (found[name] or {})
    )
    return Table(
        "by_archetype", "By kind of customer", "", ("customers", "method"), KINDS, tuple(rows)
    )


def acceptance(results: Mapping[str, Any]) -> Table:
    """Return how often each salesperson closes with each method's customers."""
    found = at(results, "agents", "acceptance")
    names = names_in(results, found)
    people = dict.fromkeys(seller for name in names for seller in found[name] or {})
    columns = tuple(Column(seller, seller) for seller in people)
    rows = tuple(row_of(name, columns, found[name]) for name in names)
    note = "Share of calls in which the customer accepted."
    return Table("acceptance", "Acceptance by salesperson", note, ("method",), columns, rows)


def rank_correlation(results: Mapping[str, Any]) -> Table:
    """Return whether two methods rank the salespeople alike."""
    columns = (
        Column("spearman", "Spearman", plain=True),
        Column("p", "p", digits=3, plain=True),
        Column("kendall", "Kendall", plain=True),
    )
    rows = tuple(
        Row(
            spoken(pair["b"]),
            tuple(Cell.of(pair.get(column.key)) for column in columns),
            spoken(pair["a"]),
        )
        for pair in at(results, "agents", "rank_correlation") or ()
    )
    note = "1: the two methods put the salespeople in the same order."
    return Table(
        "rank_correlation",
        "Do they rank salespeople alike?",
        note,
        ("method", "and"),
        columns,
        rows,
    )


def pass_rates(results: Mapping[str, Any]) -> Table:
    """Return the shares of profiles that passed the robustness test: figure 5b."""
    rates = at(results, "robustness", "pass_rate") or {}
    columns = (Column("pass_rate", "pass rate"),)
    kinds = [kind for kind in (*results["archetypes"], "all") if kind in rates]
    rows = tuple(
        Row("all customers" if kind == "all" else spoken(kind), (Cell.of(rates[kind]),))
        for kind in kinds
    )
    return Table("robustness", "Profiles that pass", "", ("customers",), columns, rows)


def table_3(results: Mapping[str, Any]) -> Table:
    """Return how the judge's ratings go with people's: the paper's Table 3."""
    columns = (
        Column("pearson", "Pearson", plain=True),
        Column("pearson_p", "p", digits=3, plain=True),
        Column("spearman", "Spearman", plain=True),
        Column("spearman_p", "p", digits=3, plain=True),
        Column("n", "calls", digits=0, plain=True),
    )
    found = at(results, "agreement", "dimensions") or {}
    rows = tuple(row_of(spoken(name), columns, figures) for name, figures in found.items())
    return Table("table_3", "Table 3. Judge and people", "", ("dimension",), columns, rows)


def raters(results: Mapping[str, Any]) -> Table:
    """Return how far people agree with each other."""
    columns = (
        Column("icc", "ICC", plain=True),
        Column("mean_pairwise_spearman", "Spearman, mean of pairs", plain=True),
        Column("raters", "raters", digits=0, plain=True),
    )
    found = at(results, "agreement", "raters") or {}
    rows = tuple(row_of(spoken(name), columns, figures) for name, figures in found.items())
    return Table("raters", "People among themselves", "", ("dimension",), columns, rows)


def checks(results: Mapping[str, Any]) -> Table:
    """Return what checks of the judge itself found."""
    found = at(results, "judge", "checks") or {}
    columns = (Column("value", "found", digits=3),)
    rows = (
        Row(
            name, (Cell.of(f"{value:,}" if type(value) is int else value),), spoken(check)
        )  # a count is whole
        for check, values in found.items()
        for name, value in leaves(values)
    )
    return Table(
        "judge_checks", "Checks of the judge", "", ("check", "figure"), columns, tuple(rows)
    )


def leaves(found: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield what nested results hold, each with its path as words; an interval is one thing."""
    if isinstance(found, Mapping) and "value" not in found:
        for key, inner in found.items():
            yield from leaves(inner, f"{name}, {spoken(key)}" if name else spoken(key))
    elif isinstance(found, list | tuple):
        yield name, ", ".join(str(one) for one in found)
    else:
        yield name, found
