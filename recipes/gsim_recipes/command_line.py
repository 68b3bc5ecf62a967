"""Command-line helpers of the recipe scripts: ``NAME=VALUE`` options, the current command."""

import shlex
import sys

import typer

__all__ = ["current_shell_command", "parse_name_value"]


def current_shell_command(module: str) -> str:
    """Return the shell command that started the current Python process, to quote it in a report.

    Args:
        module: The module that ``python -m`` runs.
    """
    return shlex.join(["python", "-m", module, *sys.argv[1:]])


def parse_name_value(text: str) -> tuple[str, str]:
    """Parse a command-line option ``NAME=VALUE`` and return its name and value.

    Raises:
        typer.BadParameter: if the name or the value is empty.
    """
    name, _, value = text.partition("=")
    if not name or not value:
        raise typer.BadParameter(f"Expected NAME=VALUE, got {text!r}.")
    return name, value
