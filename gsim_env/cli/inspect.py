"""``gsim group inspect``: one recorded call with its profile, stages and chain."""

from typing import Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from gsim_env.cli.options import GroupArgument, JsonOption
from gsim_env.cli.terminal import out, print_json
from gsim_env.cli.view import call_header, outcome_text
from gsim_env.errors import unknown
from gsim_env.groups import load_group
from gsim_env.sop.chain import steps_of
from gsim_env.sop.transitions import transitions

__all__ = ["inspect"]


def inspect(
    group: GroupArgument = "food_delivery",
    call: Annotated[
        str | None, typer.Option("--call", help="Id of a call; the first one if left out.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show one dialogue of a group's corpus.

    Who the customer is, and the stage and concern of every turn.

    The number beside a customer's stage says how often, in the whole corpus, that stage follows the
    one before it.
    """
    loaded = load_group(group)
    calls = {recorded.id: recorded for recorded in loaded.calls}
    recorded = calls.get(call or next(iter(calls)))
    if recorded is None:
        raise unknown("call", call, calls)
    if as_json:
        print_json(recorded.model_dump(mode="json"))
        return
    counts = transitions(loaded.calls)
    leaving = {
        before: sum(count for (first, _), count in counts.items() if first == before)
        for before, _ in counts
    }
    out.print(call_header(recorded.profile.model_dump(), recorded.id))
    for name in ("facts", "pain_points", "traits"):
        out.print(Text.assemble((f"{name}: ", "dim"), "; ".join(getattr(recorded.profile, name))))
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, expand=True)
    table.add_column("stage", style="magenta", no_wrap=True)
    table.add_column("concern", style="yellow", no_wrap=True)
    table.add_column("", justify="right", style="dim", no_wrap=True)
    table.add_column("said", ratio=1)
    for step in steps_of(recorded):
        share = counts[step.previous, step.stage] / leaving[step.previous]
        table.add_row(step.sales_stage, step.answers or "", "", Text(step.sales, style="cyan"))
        table.add_row(
            step.stage, step.concern or "", f"{share:.2f}", Text(step.customer, style="bold")
        )
    out.print(table)
    out.print(outcome_text(recorded.outcome))
