"""``gsim models``: download and export the weights of the embedded backend."""

from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from gsim_env.cli.options import GroupOption
from gsim_env.cli.terminal import out
from gsim_env.errors import ConfigurationError
from gsim_env.groups import load_group
from gsim_env.groups.bundle import find_template
from gsim_env.models.encoders import packaged_minilm
from gsim_env.models.export import export_model
from gsim_env.models.weights import check_hash, customer_weights, pull_base
from gsim_env.util.files import sha256_file

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True, help="Download and export the weights of the embedded backend."
)


@app.command()
def pull(group: GroupOption = "food_delivery") -> None:
    """Download and check the weights of a group's embedded customer.

    Weights that are in the cache are kept.
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

    out.print(weights_table(rows))


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write.")],
    group: Annotated[
        str | None, typer.Option(help="Merge the adapter of this group into the base model.")
    ] = None,
    adapter: Annotated[
        Path | None,
        typer.Option(help="Merge this adapter (folder of a LoRA, as peft saves it) instead."),
    ] = None,
    base: Annotated[
        Path | None, typer.Option(help="GGUF file to export; the packaged base model by default.")
    ] = None,
) -> None:
    """Save the embedded model in Hugging Face's format, for trainers, vLLM and transformers.

    gsim models export smollm2

    gsim models export customer --group food_delivery
    """
    if group is not None and adapter is not None:
        raise ConfigurationError(
            f"--group {group} and --adapter {adapter} both name an adapter. Give one of them."
        )
    if group is not None:
        adapter = group_adapter(group)

    export_model(base or pull_base(), folder, adapter)
    out.print(Text(f"✓ {folder}"))


def group_adapter(group: str) -> Path:
    """Return the folder of the adapter of a group or template.

    Raises:
        ConfigurationError: if there is no such group, or it has no adapter.
    """
    folder = find_template(group)
    if not (folder / "adapter").is_dir():
        raise ConfigurationError(
            f"The group {group!r} has no folder {folder / 'adapter'}. Leave --group out to export "
            "the base model, or name an adapter with --adapter."
        )
    return folder / "adapter"


def weights_table(rows: list[tuple[str, Path, str]]) -> Table:
    """Return the table of ``gsim models pull``: name, file and check of the weights in each row."""
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    table.add_column("weights", style="magenta", no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("sha256", no_wrap=True)
    table.add_column("path", overflow="fold")

    for name, path, check in rows:
        size = f"{path.stat().st_size / 1e6:.0f} MB"
        table.add_row(name, size, Text(check, style="green"), Text(str(path)))
    return table


def short_hash(file: Path) -> str:
    """Return the first twelve hexadecimal digits of a file's SHA-256."""
    return sha256_file(file)[:12]
