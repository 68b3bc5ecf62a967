"""``gsim doctor``: checks of the installation, and how to fix problems."""

import os
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from gsim_env.cli.diagnosis import (
    CheckResult,
    check_cached_weights,
    check_openai_endpoint,
    check_optional_extras,
    check_scripted_call,
    installed_versions,
    registered_environment_ids,
    run_plugin_checks,
)
from gsim_env.cli.options import JsonOption
from gsim_env.cli.terminal import err, out, print_json
from gsim_env.util.cache import cache_folder

__all__ = ["diagnose_installation"]

MARKS = {"works": ("✓", "green"), "absent": ("·", "bright_black"), "broken": ("✗", "bold red")}

PACKAGES_PER_ROW = 3


def diagnose_installation(
    plugin: Annotated[
        str | None,
        typer.Argument(
            metavar="[PLUGIN]",
            help="Run the checks of a plugin instead, such as verl (entry points gsim.doctor).",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check the installation of gsim-env and show how to fix problems.

    Exits with 1 if the core, or a check of the given plugin, is broken.
    """
    if plugin is None:
        checks = _standard_checks()
        required = checks[:1]  # the core
    else:
        with err.status(f"running the checks of {plugin} ..."):
            checks = run_plugin_checks(plugin)
        required = checks

    if as_json:
        _print_document(checks)
    else:
        _print_tables(checks)
    if any(check.status == "broken" for check in required):
        raise typer.Exit(1)


def _standard_checks() -> list[CheckResult]:
    """Check the core, the extras, the weights, and the endpoint of ``OPENAI_BASE_URL``."""
    core = check_scripted_call()
    with err.status("importing the installed packages ..."):
        checks = [core, *check_optional_extras(), check_cached_weights()]
        if url := os.environ.get("OPENAI_BASE_URL"):
            checks.append(check_openai_endpoint(url))
    return checks


def _cache_size() -> int:
    """Return the size of the cache folder in bytes."""
    cache = cache_folder("models").parent
    return sum(file.stat().st_size for file in cache.rglob("*") if file.is_file())


def _print_document(checks: list[CheckResult]) -> None:
    """Print versions, environments, cache and checks as JSON."""
    cache = {"folder": str(cache_folder("models").parent), "bytes": _cache_size()}
    print_json(
        {
            "versions": installed_versions(),
            "environments": registered_environment_ids(),
            "cache": cache,
            "checks": [asdict(check) for check in checks],
        }
    )


def _print_tables(checks: list[CheckResult]) -> None:
    """Print versions, checks, environments and cache for readers."""
    out.print(_version_table(installed_versions()))
    out.print(_check_table(checks))

    cache = f"{cache_folder('models').parent} ({_cache_size() / 1e6:.0f} MB)"
    environments = ", ".join(registered_environment_ids())
    out.print(Text(f"environments  {environments}\ncache         {cache}"), soft_wrap=True)


def _version_table(installed: dict[str, str | None]) -> Table:
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


def _check_table(checks: list[CheckResult]) -> Table:
    """Return the table of checks with their marks."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_row()
    for check in checks:
        mark, style = MARKS[check.status]
        name = Text(check.name, style="magenta")
        table.add_row(Text(mark, style=style), name, Text(check.detail))
    table.add_row()
    return table
