"""``gsim models``: the weights that the embedded backend runs on."""

import hashlib
from pathlib import Path

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from gsim_env.cli.options import GroupOption
from gsim_env.cli.terminal import out
from gsim_env.groups import load_group
from gsim_env.models.encoders import packaged_minilm
from gsim_env.models.weights import check_hash, customer_weights, pull_base

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="The weights that the embedded backend runs on.")


@app.command()
def pull(group: GroupOption = "food_delivery") -> None:
    """Fetch and check the weights that a group's embedded customer needs.

    What is there already is kept.
    """
    adapter = load_group(group).path / "adapter"
    base = pull_base()
    check_hash(base)
    rows = [("customer, base model", base, "ok")]
    if adapter.is_dir():
        merged = customer_weights(str(adapter))
        rows.append((f"customer, {group}", merged, short_hash(merged)))
    encoder = packaged_minilm() / "model.safetensors"
    rows.append(("sentence encoder", encoder, short_hash(encoder)))
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    table.add_column("weights", style="magenta", no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("sha256", no_wrap=True)
    table.add_column("path", overflow="fold")
    for name, path, check in rows:
        table.add_row(
            name, f"{path.stat().st_size / 1e6:.0f} MB", Text(check, style="green"), Text(str(path))
        )
    out.print(table)


def short_hash(file: Path) -> str:
    """Return the first twelve hexadecimal digits of a file's SHA-256."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:12]
