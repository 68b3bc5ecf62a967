"""``gsim doctor``: what is installed, what works, what to do about the rest."""

import os
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from gsim_env.cli.diagnosis import (
    Check,
    check_core,
    check_endpoint,
    check_extras,
    check_weights,
    environment_ids,
    versions,
)
from gsim_env.cli.options import JsonOption
from gsim_env.cli.terminal import err, out, print_json
from gsim_env.util.cache import cache_folder
from gsim_env.util.extras import require

__all__ = ["doctor"]

MARKS = {"works": ("✓", "green"), "absent": ("·", "bright_black"), "broken": ("✗", "bold red")}


class Subject(StrEnum):
    """What to look into more closely."""

    VERL = "verl"


def doctor(
    subject: Annotated[
        Subject | None,
        typer.Argument(help="verl: whether verl knows the plugin, here and in Ray's workers."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say what is installed and what works, and what to do about the rest.

    Exit with 1 if the core, or verl, is broken.
    """
    if subject is not None:
        with err.status("asking verl, here and in a Ray worker ..."):
            checks = require("verl_plugins.doctor", "verl").checks()
    else:
        checks = everything()
    cache = cache_folder("models").parent
    size = sum(file.stat().st_size for file in cache.rglob("*") if file.is_file())
    installed, ids = versions(), environment_ids()
    if as_json:
        print_json(
            {
                "versions": installed,
                "environments": ids,
                "cache": {"folder": str(cache), "bytes": size},
                "checks": [asdict(check) for check in checks],
            }
        )
    else:
        out.print(version_table(installed))
        out.print(check_table(checks))
        out.print(
            Text(f"environments  {', '.join(ids)}\ncache         {cache} ({size / 1e6:.0f} MB)"),
            soft_wrap=True,
        )
    vital = checks if subject is not None else checks[:1]
    if any(check.status == "broken" for check in vital):
        raise typer.Exit(1)


def everything() -> list[Check]:
    """Look at the core, then at each extra, the weights, and the endpoint if there is one."""
    core = check_core()
    with err.status("importing what is installed ..."):
        checks = [core, *check_extras(), check_weights()]
        if url := os.environ.get("OPENAI_BASE_URL"):
            checks.append(check_endpoint(url))
    return checks


def version_table(installed: dict[str, str | None]) -> Table:
    """Return the versions, three packages to a row."""
    table = Table.grid(padding=(0, 2))
    cells = [
        cell
        for name, number in installed.items()
        for cell in (
            Text(name, style="dim"),
            Text(number or "·", style="bold" if number else "bright_black"),
        )
    ]
    for start in range(0, len(cells), 6):
        table.add_row(*cells[start : start + 6])
    return table


def check_table(checks: list[Check]) -> Table:
    """Return the checks with their marks."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_row()
    for check in checks:
        mark, style = MARKS[check.status]
        table.add_row(
            Text(mark, style=style), Text(check.name, style="magenta"), Text(check.detail)
        )
    table.add_row()
    return table
