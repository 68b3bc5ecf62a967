"""Output of the command: results to standard output, everything else to standard error."""

import json
import logging
from typing import Any

from rich.console import Console
from rich.logging import RichHandler
from rich.text import Text

__all__ = ["err", "out", "print_error", "print_json", "show_logs"]

out = Console(highlight=False)
err = Console(highlight=False, stderr=True)


class NoticeHandler(RichHandler):
    """Shows log messages as dim lines."""

    def render_message(self, record: logging.LogRecord, message: str) -> Text:  # noqa: ARG002 - RichHandler's signature
        """Return the message as plain text: brackets are not markup."""
        return Text(message, style="dim")


def show_logs() -> None:
    """Show the package's log (``Loading ...``) on standard error."""
    handler = NoticeHandler(console=err, show_time=False, show_level=False, show_path=False)
    logger = logging.getLogger("gsim_env")
    logger.addHandler(handler)
    logger.propagate = False


def print_error(error: BaseException) -> None:
    """Print an error's message on standard error."""
    err.print(Text.assemble(("Error: ", "bold red"), (str(error), "red")), soft_wrap=True)


def print_json(value: Any) -> None:
    """Print one JSON document on standard output, not wrapped and not colored."""
    print(json.dumps(value, indent=2, ensure_ascii=False))
