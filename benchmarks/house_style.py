"""Style figures of the packages: sizes, blank lines, comprehensions, width and ``Any``.

python -m benchmarks.house_style COMMIT=FOLDER... [--exclude PREFIX]... > results/house_style.json

A folder is a clone or an unpacked ``git archive COMMIT``; the label before it is only repeated.
"""

import ast
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

PACKAGES = ("gsim_env", "reward_fns", "verl_plugins", "recipes")
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
LONG_FUNCTION = 15
COMMAND = "python -m benchmarks.house_style COMMIT=FOLDER..."

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class StyleFigures:
    """Style figures of a set of files; sizes and widths in lines and characters."""

    files: int
    lines: int
    file_median: int
    file_max: int
    function_median: int
    function_p95: int
    function_max: int
    comment_lines_percent: float
    long_functions_with_blank_line_percent: float
    comprehensions_per_100_lines: float
    comprehensions_with_two_for: int
    width_p90: int
    any_lines_in_evaluation: int


@dataclass(frozen=True)
class Source:
    """One parsed source file."""

    name: str
    lines: list[str]
    tree: ast.Module


def read_sources(root: Path, exclude: Sequence[str]) -> list[Source]:
    """Parse the Python files of the packages in ``root``, without the excluded folders."""
    sources = []
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            name = path.relative_to(root).as_posix()
            if not name.startswith(tuple(exclude)):
                text = path.read_text(encoding="utf-8")
                sources.append(Source(name, text.splitlines(), ast.parse(text)))
    return sources


def measure(sources: Sequence[Source]) -> StyleFigures:
    """Return the style figures of the files."""
    file_sizes = [len(source.lines) for source in sources]
    total = sum(file_sizes)

    function_sizes, spaced = [], []
    comprehensions = []
    for source in sources:
        comprehensions += [n for n in ast.walk(source.tree) if isinstance(n, COMPREHENSIONS)]
        for function in functions_of(source.tree):
            size = line_count(function)
            function_sizes.append(size)
            if size >= LONG_FUNCTION:
                spaced.append(has_blank_line(function, source))

    lines = list(chain.from_iterable(source.lines for source in sources))
    comments = sum(line.strip().startswith("#") for line in lines)
    return StyleFigures(
        files=len(sources),
        lines=total,
        file_median=quantile(file_sizes, 0.5),
        file_max=max(file_sizes),
        function_median=quantile(function_sizes, 0.5),
        function_p95=quantile(function_sizes, 0.95),
        function_max=max(function_sizes),
        comment_lines_percent=round(100 * comments / total, 1),
        long_functions_with_blank_line_percent=round(100 * sum(spaced) / len(spaced), 1),
        comprehensions_per_100_lines=round(100 * len(comprehensions) / total, 1),
        comprehensions_with_two_for=sum(len(node.generators) > 1 for node in comprehensions),
        width_p90=quantile([len(line) for line in lines if line.strip()], 0.9),
        any_lines_in_evaluation=sum(any_lines(source) for source in sources),
    )


def functions_of(tree: ast.Module) -> Iterator[Function]:
    """Yield all functions and methods of a module."""
    for node in ast.walk(tree):
        if isinstance(node, Function):
            yield node


def line_count(node: ast.stmt) -> int:
    """Return the number of lines of a statement; a function's includes its docstring."""
    return last_line(node) - node.lineno + 1


def last_line(node: ast.stmt) -> int:
    """Return the number of a statement's last line."""
    return node.end_lineno or node.lineno


def has_blank_line(function: Function, source: Source) -> bool:
    """Return whether a function's body has a blank line outside its strings."""
    strings = string_statement_lines(function)
    rows = range(function.body[0].lineno, last_line(function) + 1)
    code = [row for row in rows if row not in strings]
    return any(not source.lines[row - 1].strip() for row in code[1:-1])


def string_statement_lines(function: Function) -> set[int]:
    """Return the numbers of the lines of docstrings in a function."""
    rows: set[int] = set()
    for node in ast.walk(function):
        match node:
            case ast.Expr(value=ast.Constant(value=str())):
                rows.update(range(node.lineno, last_line(node) + 1))
    return rows


def any_lines(source: Source) -> int:
    """Return the number of lines that name ``Any`` in a file of the evaluation, without imports."""
    if "evaluation" not in source.name:
        return 0
    lines = [line for line in source.lines if not line.startswith(("from", "import"))]
    return sum(bool(re.search(r"\bAny\b", line)) for line in lines)


def quantile(values: Sequence[int], share: float) -> int:
    """Return the value at a share of the sorted values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def main(
    folders: Annotated[list[str], typer.Argument(help="COMMIT=FOLDER, once per commit.")],
    exclude: Annotated[list[str] | None, typer.Option(help="Path prefix to leave out.")] = None,
) -> None:
    """Print the style figures of each folder as JSON."""
    excluded = exclude or []
    commits = {}
    for argument in folders:
        commit, _, folder = argument.partition("=")
        sources = read_sources(Path(folder), excluded)
        if not sources:
            raise typer.BadParameter(f"{argument!r} has no Python file. Give COMMIT=FOLDER.")
        commits[commit] = asdict(measure(sources))
    print(json.dumps({"command": COMMAND, "exclude": excluded, "commits": commits}, indent=1))


if __name__ == "__main__":
    typer.run(main)
