"""``gsim group inspect``: one recorded call with its profile, stages and behavior chain."""

from collections import Counter
from typing import Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from gsim_env.cli.options import GroupArgument, JsonOption
from gsim_env.cli.terminal import out, print_json
from gsim_env.cli.view import render_call_header, render_outcome
from gsim_env.errors import unknown_name_error
from gsim_env.groups import Group, load_group
from gsim_env.profiles import RecordedCall
from gsim_env.sop.chain import steps_of
from gsim_env.sop.transitions import transitions

__all__ = ["inspect_recorded_call"]


def inspect_recorded_call(
    group: GroupArgument = "food_delivery",
    call: Annotated[
        str | None, typer.Option("--call", help="Id of a call. Default: the first one.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show one recorded call: the customer's profile, and the stage and concern of every turn.

    The number next to a customer's stage is how often that stage follows the previous one in the
    whole corpus.
    """
    loaded = load_group(group)
    calls = {recorded.id: recorded for recorded in loaded.calls}
    recorded = calls.get(call or next(iter(calls)))
    if recorded is None:
        raise unknown_name_error("call", call, calls)
    if as_json:
        print_json(recorded.model_dump(mode="json"))
        return

    profile = recorded.profile
    out.print(render_call_header(profile.model_dump(), recorded.id))
    for name in ("facts", "pain_points", "traits"):
        out.print(Text.assemble((f"{name}: ", "dim"), "; ".join(getattr(profile, name))))
    out.print(_turn_table(loaded, recorded))
    out.print(render_outcome(recorded.outcome))


def _turn_table(group: Group, call: RecordedCall) -> Table:
    """Return the turns of a call with stage, concern and transition probability."""
    counts = transitions(group.calls)
    totals: Counter[str | None] = Counter()
    for (previous, _), count in counts.items():
        totals[previous] += count

    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, expand=True)
    table.add_column("stage", style="magenta", no_wrap=True)
    table.add_column("concern", style="yellow", no_wrap=True)
    table.add_column("", justify="right", style="dim", no_wrap=True)
    table.add_column("utterance", ratio=1)
    for step in steps_of(call):
        share = counts[step.previous, step.stage] / totals[step.previous]
        sales = Text(step.sales, style="cyan")
        customer = Text(step.customer, style="bold")
        table.add_row(step.sales_stage, step.answers or "", "", sales)
        table.add_row(step.stage, step.concern or "", f"{share:.2f}", customer)
    return table
