"""Sheet for blind readers: a random draw of 40 docstrings and 20 names of the public API.

python -m benchmarks.reading_sheet FOLDER --seed 8 --out sheets/8

Readers get ``sheet.md`` only; ``key.json`` says where each item is defined, for the grader.
``FOLDER`` is a clone or an unpacked ``git archive``.
"""

import ast
import json
import random
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

PACKAGES = ("gsim_env", "recipes", "reward_fns", "verl_plugins")
EXCLUDED = ("gsim_env/simulation", "gsim_env/sop", "gsim_env/corpus")
DOCSTRINGS, NAMES = 40, 20
MAX_CHARACTERS = 900
TASK = (
    "For each item write what the thing does, concretely, in one or two sentences. D items: the"
    " documentation text of a thing (its name is withheld). N items: the dotted name of a function"
    " or class (its documentation is withheld)."
)

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True)
class Item:
    """A module, class, function or method that a reader may be asked about."""

    kind: str
    name: str
    file: str
    line: int
    docstring: str | None


def public_items(root: Path) -> list[Item]:
    """Return the public definitions of the packages, methods of public classes included."""
    items: list[Item] = []
    for package in PACKAGES:
        for path in (root / package).rglob("*.py"):
            file = path.relative_to(root).as_posix()
            if not file.startswith(EXCLUDED):
                items += items_of_file(path, file)
    return sorted(items, key=lambda item: item.file)


def items_of_file(path: Path, file: str) -> Iterator[Item]:
    """Yield a module and its public definitions, in the order of the file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    module = file.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
    module = module.replace("recipes.gsim_recipes", "gsim_recipes")
    yield Item("module", module, file, 1, ast.get_docstring(tree))
    yield from definitions(tree, module, file)


def definitions(parent: ast.Module | ast.ClassDef, prefix: str, file: str) -> Iterator[Item]:
    """Yield the public definitions in the body of a module or class."""
    for node in parent.body:
        if not isinstance(node, Definition) or node.name.startswith("_"):
            continue

        name = f"{prefix}.{node.name}"
        if isinstance(node, ast.ClassDef):
            kind = "class"
        else:
            kind = "method" if isinstance(parent, ast.ClassDef) else "function"
        yield Item(kind, name, file, node.lineno, ast.get_docstring(node))
        if isinstance(node, ast.ClassDef):
            yield from definitions(node, name, file)


def sheet(docstrings: list[Item], names: list[Item]) -> str:
    """Return the readers' sheet as Markdown: docstrings without names, names without docstrings."""
    lines = ["# Sheet", "", TASK, ""]
    for number, item in enumerate(docstrings, 1):
        text = item.docstring or ""
        if len(text) >= MAX_CHARACTERS:
            text = text[:MAX_CHARACTERS] + " [...]"
        lines += [f"## D{number} ({item.kind})", "", textwrap.indent(text, "    "), ""]

    lines += ["# Names", ""]
    for number, item in enumerate(names, 1):
        lines.append(f"N{number} ({item.kind}): `{item.name}`")
    return "\n".join(lines) + "\n"


def key_rows(letter: str, items: list[Item]) -> list[dict[str, str | int]]:
    """Return what the grader needs to find each item."""
    return [
        {
            "item": f"{letter}{number}",
            "kind": item.kind,
            "name": item.name,
            "file": item.file,
            "line": item.line,
        }
        for number, item in enumerate(items, 1)
    ]


def main(
    folder: Annotated[Path, typer.Argument(help="A clone, or an unpacked git archive.")],
    seed: Annotated[int, typer.Option(help="Seed of the draw.")],
    out: Annotated[Path, typer.Option(help="Folder for sheet.md and key.json.")],
) -> None:
    """Draw the items and write the sheet and its key."""
    items = public_items(folder)
    rng = random.Random(seed)
    docstrings = rng.sample([item for item in items if item.docstring], DOCSTRINGS)
    names = [item for item in items if item.kind in {"class", "function"}]
    drawn_names = rng.sample(names, NAMES)

    out.mkdir(parents=True, exist_ok=True)
    (out / "sheet.md").write_text(sheet(docstrings, drawn_names), encoding="utf-8")
    key = {"D": key_rows("D", docstrings), "N": key_rows("N", drawn_names)}
    (out / "key.json").write_text(json.dumps(key, indent=1), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
