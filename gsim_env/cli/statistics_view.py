"""Tables of a group's corpus statistics for the terminal."""

from rich import box
from rich.console import Group as Stack
from rich.console import RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from gsim_env.cli.view import render_bar, render_outcome
from gsim_env.dialogue import Outcome
from gsim_env.groups.statistics import GroupStatistics

__all__ = ["corpus_statistics_tables"]


def corpus_statistics_tables(name: str, figures: GroupStatistics) -> RenderableType:
    """Return a customer group's corpus statistics as terminal tables."""
    title = Rule(Text(name, style="bold magenta"), align="left", style="dim")
    stages = Table.grid(padding=(0, 3))
    sales = _stage_table("sales", figures.sales_stages)
    customer = _stage_table("customer", figures.customer_stages)
    stages.add_row(sales, customer)
    return Stack(title, _count_table(figures), _outcome_table(figures), stages)


def _count_table(figures: GroupStatistics) -> Table:
    """Return the table of counts, lengths and diversity, two statistics per row."""
    exchanges = f"{figures.exchanges_min} to {figures.exchanges_max}"
    cells = [
        ("calls", f"{figures.calls}"),
        ("customer turns", f"{figures.customer_turns}"),
        ("exchanges a call, median", f"{figures.exchanges_median:g} ({exchanges})"),
        ("customer stages visited", f"{figures.stages_visited:.0%}"),
        ("words a turn, mean", f"{figures.words_mean:.2f}"),
        ("words a turn, median", f"{figures.words_median:g}"),
        ("words a turn, variance", f"{figures.words_variance:.2f}"),
        ("TLV, raw", f"{figures.turn_length_variance:.2f}"),
        ("turns of five words or fewer", f"{figures.short_share:.1%}"),
        ("turns that ask", f"{figures.question_share:.1%}"),
        ("distinct-1", f"{figures.distinct_1:.3f}"),
        ("distinct-2", f"{figures.distinct_2:.3f}"),
    ]

    table = Table.grid(padding=(0, 3))
    for style in ("dim", "bold", "dim", "bold"):
        table.add_column(style=style, justify="right" if style == "bold" else "left")
    for left, right in zip(cells[::2], cells[1::2], strict=True):
        table.add_row(*left, *right)
    return table


def _outcome_table(figures: GroupStatistics) -> Table:
    """Return the outcome mix by archetype and overall."""
    outcomes = [outcome for outcome in Outcome if outcome in figures.outcomes]
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, show_footer=True)
    table.add_column("archetype", "all", style="magenta")
    table.add_column("calls", str(figures.calls), justify="right")
    for outcome in outcomes:
        total = _share_text(figures.outcomes[outcome], figures.calls)
        table.add_column(render_outcome(outcome), total, justify="right")

    for archetype, counts in figures.outcomes_by_archetype.items():
        calls = sum(counts.values())
        shares = [_share_text(counts.get(outcome, 0), calls) for outcome in outcomes]
        table.add_row(archetype, str(calls), *shares)
    return table


def _share_text(count: int, total: int) -> Text:
    """Return a count with its share of a total."""
    return Text.assemble(str(count), (f" {count / max(total, 1):>4.0%}", "dim"))


def _stage_table(side: str, counts: dict[str, int]) -> Table:
    """Return the number of turns at each stage of one side, with bars."""
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    table.add_column(f"{side} stage", style="magenta")
    table.add_column("turns", justify="right")
    table.add_column("")

    most = max(counts.values()) or 1
    for stage, count in counts.items():
        table.add_row(stage, str(count), render_bar(count / most, 10, "cyan"))
    return table
