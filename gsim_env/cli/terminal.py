"""Output of the command: results to standard output, everything else to standard error."""

import json
import logging
from typing import Any

from rich.console import Console
from rich.logging import RichHandler
from rich.text import Text

__all__ = ["err", "log_to_stderr", "out", "print_error", "print_json"]

out = Console(highlight=False)
err = Console(highlight=False, stderr=True)


class _NoticeHandler(RichHandler):
    """Shows log messages as dim lines."""

    def render_message(self, record: logging.LogRecord, message: str) -> Text:  # noqa: ARG002 - RichHandler's signature
        """Return the message as plain text: brackets are not markup."""
        return Text(message, style="dim")


def log_to_stderr() -> None:
    """Write the package's log messages (``Loading ...``) to standard error."""
    handler = _NoticeHandler(console=err, show_time=False, show_level=False, show_path=False)
    logger = logging.getLogger("gsim_env")
    logger.addHandler(handler)
    logger.propagate = False


def print_error(error: BaseException) -> None:
    """Print an exception's message in red on standard error."""
    err.print(Text.assemble(("Error: ", "bold red"), (str(error), "red")), soft_wrap=True)


def print_json(value: Any) -> None:
    """Print a value as one indented JSON document on standard output, without colors."""
    print(json.dumps(value, indent=2, ensure_ascii=False))
