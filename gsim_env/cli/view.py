"""Terminal views of calls: utterances on the left, the hidden state on the right."""

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Group as Stack
from rich.console import RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from gsim_env.dialogue import Outcome
from gsim_env.envs.playing import Exchange

__all__ = [
    "render_bar",
    "render_call_header",
    "render_calls_table",
    "render_exchange",
    "render_outcome",
]

OUTCOME_STYLES = {
    Outcome.ACCEPTED: "green",
    Outcome.DECLINED: "yellow",
    Outcome.HUNG_UP: "red",
    Outcome.SALES_ENDED: "magenta",
    Outcome.TURN_LIMIT: "bright_black",
}
EIGHTHS = " ▏▎▍▌▋▊▉█"
STATE_WIDTH = 47
"""Width of the hidden state in columns; the utterances get the rest."""


def render_bar(level: float, cells: int, style: str) -> Text:
    """Return a text progress bar of ``cells`` columns, filled to ``level`` in [0, 1]."""
    full, part = divmod(round(level * cells * 8), 8)
    blocks = "█" * full + (EIGHTHS[part] if part else "")
    return Text(blocks.ljust(cells), style=f"{style} on gray19")


def render_outcome(outcome: Outcome | None) -> Text:
    """Return a call's outcome as colored text; ``None`` is shown as unfinished."""
    if outcome is None:
        return Text("unfinished", style="bright_black")
    return Text(outcome.replace("_", " "), style=f"bold {OUTCOME_STYLES[outcome]}")


def render_call_header(profile: dict[str, Any], label: str) -> RenderableType:
    """Return the terminal header of a call: archetype, name and profile of the customer.

    Args:
        profile: The customer's profile, hidden from the salesperson.
        label: A label before the archetype, such as the number of the call.
    """
    fields = Table.grid(padding=(0, 2))
    fields.add_column(style="dim", justify="right")
    fields.add_column()
    for name in ("listing", "description", "situation", "style"):
        fields.add_row(name, Text(profile[name]))
    fields.add_row("concerns", Text(", ".join(profile["concerns"]), style="yellow"))

    title = Text.assemble(
        (f"{label}  ", "dim"),
        (profile["archetype"], "bold magenta"),
        ("  " + profile["name"], "bold"),
    )
    return Stack("", Rule(title, align="left", style="dim"), Padding(fields, (0, 0, 1, 0)))


def render_exchange(exchange: Exchange, *, sales: bool = True) -> RenderableType:
    """Return a salesperson utterance and the customer's answer, with the hidden state if revealed.

    Args:
        exchange: The exchange.
        sales: Show the salesperson's words too.
    """
    words = _words_view(exchange, sales=sales)
    if exchange.state is None or exchange.guidance is None:
        return Padding(words, (0, 0, 1, 0))

    columns = Table(
        box=DIVIDER,
        show_header=False,
        show_edge=False,
        padding=(0, 1),
        expand=True,
        border_style="gray37",
    )
    columns.add_column(ratio=1)
    columns.add_column(width=STATE_WIDTH)
    columns.add_row(words, _state_view(exchange.state, exchange.guidance))
    return Padding(columns, (0, 0, 1, 0))


def _words_view(exchange: Exchange, *, sales: bool) -> Table:
    """Return the utterances of an exchange, and the outcome if the call ends with it."""
    words = Table.grid(padding=(0, 1))
    words.add_column(style="cyan", width=8, justify="right", no_wrap=True)
    words.add_column()
    if sales:
        words.add_row("sales", Text(exchange.sales))
    words.add_row(Text("customer", style="bold"), Text(exchange.customer, style="bold"))

    outcome = exchange.outcome
    if outcome is not None:
        text = Text.assemble("■ ", render_outcome(outcome), style=OUTCOME_STYLES[outcome])
        words.add_row("", text)
    return words


def _state_view(state: dict[str, Any], guidance: dict[str, Any]) -> RenderableType:
    """Return stage, mood, concern, the levels as bars, and the reference utterances."""
    title = Text.assemble(
        (guidance["stage"], "bold magenta"), (f"  {guidance['stance']}", "italic")
    )
    if guidance["concern"] is not None:
        title.append(f"  {guidance['concern']}", style="yellow")

    levels = Text()
    for name, style in (("interest", "green"), ("trust", "blue"), ("patience", "red")):
        levels.append(f"{name} ", style="dim").append_text(
            render_bar(state[name], 6, style)
        ).append("  ")

    references = [
        Text.assemble(("≈ ", "dim"), (text, "dim italic"), no_wrap=True, overflow="ellipsis")
        for text in guidance["references"]
    ]
    return Stack(title, levels, *references)


def render_calls_table(rows: Sequence[dict[str, Any]]) -> Table:
    """Return the terminal table of played calls, one :meth:`PlayedCall.table_row` per row."""
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    table.add_column("archetype", style="magenta")
    table.add_column("outcome")
    for name in ("turns", "words a turn"):
        table.add_column(name, justify="right")
    table.add_column("SOP coverage", justify="right")
    table.add_column("seconds", justify="right")

    for row in rows:
        coverage = Text(f"{row['stages_visited']:>2}/{row['stages']} ").append_text(
            render_bar(row["sop_coverage"], 8, "cyan")
        )
        table.add_row(
            row["archetype"],
            render_outcome(row["outcome"]),
            str(row["turns"]),
            f"{row['words_per_turn']:.1f}",
            coverage,
            f"{row['seconds']:.2f}",
        )
    return table


DIVIDER = box.Box("    \n  │ \n    \n  │ \n    \n    \n  │ \n    \n")
"""A box that draws only the line between its columns."""
