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
from gsim_env.groups.bundle import resolve_template_folder
from gsim_env.models.encoders import packaged_minilm_folder
from gsim_env.models.export import export_gguf_as_transformers
from gsim_env.models.weights import check_base_model_hash, customer_gguf_path, pull_base_model
from gsim_env.util.files import sha256_file

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True, help="Download and export the weights of the embedded backend."
)


@app.command("pull")
def pull_weights(group: GroupOption = "food_delivery") -> None:
    """Download and check the weights of a group's embedded customer.

    Weights that are in the cache are kept.
    """
    adapter = load_group(group).path / "adapter"
    base = pull_base_model()
    check_base_model_hash(base)

    rows = [("customer, base model", base, "ok")]
    if adapter.is_dir():
        merged = customer_gguf_path(str(adapter))
        rows.append((f"customer, {group}", merged, _short_hash(merged)))
    encoder = packaged_minilm_folder() / "model.safetensors"
    rows.append(("sentence encoder", encoder, _short_hash(encoder)))

    out.print(_weights_table(rows))


@app.command("export")
def export_weights(
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
    """Export the embedded model in Hugging Face's format, for trainers, vLLM and transformers.

    gsim models export smollm2

    gsim models export customer --group food_delivery
    """
    if group is not None and adapter is not None:
        raise ConfigurationError(
            f"--group {group} and --adapter {adapter} both name an adapter. Give one of them."
        )
    if group is not None:
        adapter = _group_adapter(group)

    export_gguf_as_transformers(base or pull_base_model(), folder, adapter)
    out.print(Text(f"✓ {folder}"))


def _group_adapter(group: str) -> Path:
    """Return the folder of the adapter of a group or template.

    Raises:
        ConfigurationError: if there is no such group, or it has no adapter.
    """
    folder = resolve_template_folder(group)
    if not (folder / "adapter").is_dir():
        raise ConfigurationError(
            f"The group {group!r} has no folder {folder / 'adapter'}. Leave --group out to export "
            "the base model, or name an adapter with --adapter."
        )
    return folder / "adapter"


def _weights_table(rows: list[tuple[str, Path, str]]) -> Table:
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


def _short_hash(file: Path) -> str:
    """Return the first twelve hexadecimal digits of a file's SHA-256."""
    return sha256_file(file)[:12]
