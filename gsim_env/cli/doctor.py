"""``gsim doctor``: checks of the installation, and how to fix problems."""

import os
from dataclasses import asdict
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
    plugin_checks,
    versions,
)
from gsim_env.cli.options import JsonOption
from gsim_env.cli.terminal import err, out, print_json
from gsim_env.util.cache import cache_folder

__all__ = ["doctor"]

MARKS = {"works": ("✓", "green"), "absent": ("·", "bright_black"), "broken": ("✗", "bold red")}

PACKAGES_PER_ROW = 3


def doctor(
    plugin: Annotated[
        str | None,
        typer.Argument(
            metavar="[PLUGIN]",
            help="Run the checks of a plugin instead, such as verl (entry points gsim.doctor).",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check the installation and show how to fix problems.

    Exits with 1 if the core, or a check of the given plugin, is broken.
    """
    if plugin is None:
        checks = standard_checks()
        required = checks[:1]  # the core
    else:
        with err.status(f"running the checks of {plugin} ..."):
            checks = plugin_checks(plugin)
        required = checks

    if as_json:
        print_document(checks)
    else:
        print_tables(checks)
    if any(check.status == "broken" for check in required):
        raise typer.Exit(1)


def standard_checks() -> list[Check]:
    """Check the core, the extras, the weights, and the endpoint of ``OPENAI_BASE_URL``."""
    core = check_core()
    with err.status("importing the installed packages ..."):
        checks = [core, *check_extras(), check_weights()]
        if url := os.environ.get("OPENAI_BASE_URL"):
            checks.append(check_endpoint(url))
    return checks


def cache_size() -> int:
    """Return the size of the cache folder in bytes."""
    cache = cache_folder("models").parent
    return sum(file.stat().st_size for file in cache.rglob("*") if file.is_file())


def print_document(checks: list[Check]) -> None:
    """Print versions, environments, cache and checks as JSON."""
    cache = {"folder": str(cache_folder("models").parent), "bytes": cache_size()}
    print_json(
        {
            "versions": versions(),
            "environments": environment_ids(),
            "cache": cache,
            "checks": [asdict(check) for check in checks],
        }
    )


def print_tables(checks: list[Check]) -> None:
    """Print versions, checks, environments and cache for readers."""
    out.print(version_table(versions()))
    out.print(check_table(checks))

    cache = f"{cache_folder('models').parent} ({cache_size() / 1e6:.0f} MB)"
    environments = ", ".join(environment_ids())
    out.print(Text(f"environments  {environments}\ncache         {cache}"), soft_wrap=True)


def version_table(installed: dict[str, str | None]) -> Table:
    """Return the table of versions, three packages per row."""
    cells: list[Text] = []
    for name, number in installed.items():
        cells.append(Text(name, style="dim"))
        cells.append(Text(number or "·", style="bold" if number else "bright_black"))

    table = Table.grid(padding=(0, 2))
    width = 2 * PACKAGES_PER_ROW
    for start in range(0, len(cells), width):
        table.add_row(*cells[start : start + width])
    return table


def check_table(checks: list[Check]) -> Table:
    """Return the table of checks with their marks."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_row()
    for check in checks:
        mark, style = MARKS[check.status]
        name = Text(check.name, style="magenta")
        table.add_row(Text(mark, style=style), name, Text(check.detail))
    table.add_row()
    return table
