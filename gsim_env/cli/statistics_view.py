"""How a group's figures look in a terminal."""

from rich import box
from rich.console import Group as Stack
from rich.console import RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from gsim_env.cli.view import bar, outcome_text
from gsim_env.dialogue import Outcome
from gsim_env.groups.statistics import GroupStatistics

__all__ = ["statistics_view"]


def statistics_view(name: str, figures: GroupStatistics) -> RenderableType:
    """Return the figures of the group ``name`` as tables."""
    title = Rule(Text(name, style="bold magenta"), align="left", style="dim")
    stages = Table.grid(padding=(0, 3))
    stages.add_row(
        stage_table("sales", figures.sales_stages), stage_table("customer", figures.customer_stages)
    )
    return Stack(title, figure_table(figures), outcome_table(figures), stages)


def figure_table(figures: GroupStatistics) -> Table:
    """Return the plain figures, two to a row."""
    table = Table.grid(padding=(0, 3))
    rows = [
        ("calls", f"{figures.calls}", "customer turns", f"{figures.customer_turns}"),
        (
            "exchanges a call, median",
            f"{figures.exchanges_median:g} ({figures.exchanges_min} to {figures.exchanges_max})",
            "customer stages visited",
            f"{figures.stages_visited:.0%}",
        ),
        (
            "words a turn, mean",
            f"{figures.words_mean:.2f}",
            "words a turn, median",
            f"{figures.words_median:g}",
        ),
        (
            "words a turn, variance",
            f"{figures.words_variance:.2f}",
            "TLV, raw",
            f"{figures.turn_length_variance:.2f}",
        ),
        (
            "turns of five words or fewer",
            f"{figures.short_share:.1%}",
            "turns that ask",
            f"{figures.question_share:.1%}",
        ),
        ("distinct-1", f"{figures.distinct_1:.3f}", "distinct-2", f"{figures.distinct_2:.3f}"),
    ]
    for style in ("dim", "bold", "dim", "bold"):
        table.add_column(style=style, justify="right" if style == "bold" else "left")
    for row in rows:
        table.add_row(*row)
    return table


def outcome_table(figures: GroupStatistics) -> Table:
    """Return the outcome mix by archetype and overall."""
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, show_footer=True)
    outcomes = [outcome for outcome in Outcome if outcome in figures.outcomes]
    table.add_column("archetype", "all", style="magenta")
    table.add_column("calls", str(figures.calls), justify="right")
    for outcome in outcomes:
        share = figures.outcomes[outcome] / figures.calls
        table.add_column(
            outcome_text(outcome), share_text(figures.outcomes[outcome], share), justify="right"
        )
    for archetype, counts in figures.outcomes_by_archetype.items():
        calls = sum(counts.values())
        shares = (
            share_text(counts.get(outcome, 0), counts.get(outcome, 0) / max(calls, 1))
            for outcome in outcomes
        )
        table.add_row(archetype, str(calls), *shares)
    return table


def share_text(count: int, share: float) -> Text:
    """Return a count with its share."""
    return Text.assemble(str(count), (f" {share:>4.0%}", "dim"))


def stage_table(side: str, counts: dict[str, int]) -> Table:
    """Return the stages of one side with their turns, as numbers and bars."""
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    table.add_column(f"{side} stage", style="magenta")
    table.add_column("turns", justify="right")
    table.add_column("")
    most = max(counts.values()) or 1
    for stage, count in counts.items():
        table.add_row(stage, str(count), bar(count / most, 10, "cyan"))
    return table
