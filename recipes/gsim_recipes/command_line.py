"""Command-line helpers of the recipes' scripts."""

import shlex
import sys

import typer

__all__ = ["format_command", "parse_named"]


def format_command(module: str) -> str:
    """Return the shell command that runs this process, for a report.

    Args:
        module: The module that ``python -m`` runs.
    """
    return shlex.join(["python", "-m", module, *sys.argv[1:]])


def parse_named(text: str) -> tuple[str, str]:
    """Return name and value of an option ``NAME=VALUE``.

    Raises:
        typer.BadParameter: if either is empty.
    """
    name, _, value = text.partition("=")
    if not name or not value:
        raise typer.BadParameter(f"Expected NAME=VALUE, got {text!r}.")
    return name, value
