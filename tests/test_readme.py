"""The documentation is true: its example runs, and its tests, commands and links exist."""

import re
import shlex
from itertools import chain
from pathlib import Path

import pytest
import typer.main

from gsim_env.cli.app import app

ROOT = Path(__file__).parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "benchmarks" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
COMMAND = re.compile(r"(?:^|`)(gsim [a-z].*?)(?:`|$)", re.MULTILINE)
TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
OUTCOMES = ("accepted", "declined", "hung_up", "turn_limit", "sales_ended")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def example() -> str:
    (code,) = PYTHON.findall(read("README.md"))
    return code


@pytest.mark.slow
def test_the_example_runs(capsys):
    exec(compile(example(), "README.md", "exec"), {})
    output = capsys.readouterr().out
    assert any(outcome in output for outcome in OUTCOMES)


def test_the_example_is_short_and_the_same_in_the_docs():
    assert len([line for line in example().splitlines() if line.strip()]) <= 11
    assert example() in read("docs/quickstart.md")


def test_the_readme_is_short():
    assert len(read("README.md").split()) < 700


def test_contributing_names_tests_that_exist():
    named = TEST.findall(read("CONTRIBUTING.md"))
    assert len(named) >= 15
    for file, test in named:
        assert f"def {test}" in read(file), f"{file}::{test}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_exist_with_their_options(page):
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in COMMAND.findall(text):
        check_command(shlex.split(line, comments=True))


def check_command(words: list[str]) -> None:
    """Fail if a ``gsim`` command or one of its options does not exist."""
    command = typer.main.get_command(app)
    for word in words[1:]:
        commands = getattr(command, "commands", None)
        if commands is not None and not word.startswith("-"):
            assert word in commands, f"{shlex.join(words)}: no command {word}"
            command = commands[word]
        elif word.startswith("-"):
            options = set(chain.from_iterable(parameter.opts for parameter in command.params))
            assert word in options, f"{shlex.join(words)}: no option {word}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page):
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
