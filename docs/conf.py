"""Configuration of the documentation site (Sphinx, MyST, Furo). Build it with ``make docs``."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from gsim_env import __version__

project = "Grouped Simulator"
release = __version__
copyright = "the Grouped Simulator contributors. Apache-2.0"  # noqa: A001 - the name Sphinx reads

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_build", "_generated"]
html_theme = "furo"
html_title = "Grouped Simulator"

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "signature"
autodoc_class_signature = "separated"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
autosummary_generate = False

GENERATED = Path(__file__).with_name("_generated")
MARKDOWN_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
PIPE = re.compile(r"(``[^`]*``|>>>[^\n]*)|\|")
RICH_MARKUP = re.compile(r"\[/?[a-z]+\]")


def write_cli_page(_: Any) -> None:
    """Write the reference of the ``gsim`` command, as typer generates it, to a Markdown file."""
    command = [sys.executable, "-m", "typer", "gsim_env.cli.app", "utils", "docs", "--name", "gsim"]
    page = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    GENERATED.mkdir(exist_ok=True)
    (GENERATED / "cli.md").write_text(RICH_MARKUP.sub("", page), encoding="utf-8")


def convert_docstring(*arguments: Any) -> None:
    """Turn Gymnasium's Markdown headings into rubrics, and escape ``|``, as in formulas."""
    lines: list[str] = arguments[-1]
    text = MARKDOWN_HEADING.sub(r".. rubric:: \1\n", "\n".join(lines))
    lines[:] = PIPE.sub(lambda match: match[1] or r"\|", text).split("\n")


def setup(app: Any) -> None:
    """Connect the two functions above to Sphinx's events."""
    app.connect("builder-inited", write_cli_page)
    app.connect("autodoc-process-docstring", convert_docstring)
