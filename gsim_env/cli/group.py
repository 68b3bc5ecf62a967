"""``gsim group``: list, inspect, validate, build and index groups."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from gsim_env.cli.build import build_group
from gsim_env.cli.inspect import inspect_recorded_call
from gsim_env.cli.mine import mine_group_template
from gsim_env.cli.options import EncoderOption, GroupArgument, JsonOption
from gsim_env.cli.statistics_view import corpus_statistics_tables
from gsim_env.cli.terminal import out, print_json
from gsim_env.corpus.training_files import write_training_files
from gsim_env.groups import load_group, validation
from gsim_env.groups.bundle import builtin_group_folders
from gsim_env.groups.statistics import compute_group_statistics
from gsim_env.models.registry import build_encoder
from gsim_env.simulation.sales_classifier import SalesMoveClassifier
from gsim_env.sop.index import index_calls
from gsim_env.sop.milvus import build_lite, library_key

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Groups of customers: folders of data.")
app.command("build")(build_group)
app.command("inspect")(inspect_recorded_call)
app.command("mine")(mine_group_template)


@app.command("list")
def print_builtin_groups() -> None:
    """List the built-in customer groups with their version, size and archetypes."""
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    table.add_column("group", style="magenta", no_wrap=True)
    for name in ("version", "calls"):
        table.add_column(name, justify="right")
    for name in ("language", "archetypes", "own weights", "digest"):
        table.add_column(name)

    for name, path in builtin_group_folders().items():
        group = load_group(name)
        table.add_row(
            name,
            str(group.config.version),
            str(len(group.calls)),
            group.config.language,
            ", ".join(group.config.archetypes),
            "yes" if (path / "adapter").is_dir() else "no",
            group.digest[:12],
        )
    out.print(table)


@app.command("stats")
def print_group_statistics(
    group: GroupArgument = "food_delivery", as_json: JsonOption = False
) -> None:
    """Print the statistics of a group's corpus: lengths, diversity, outcomes, stages."""
    loaded = load_group(group)
    figures = compute_group_statistics(loaded)
    if as_json:
        print_json({"group": loaded.config.name, "digest": loaded.digest, **asdict(figures)})
    else:
        out.print(corpus_statistics_tables(loaded.config.name, figures))


@app.command("validate")
def validate_group(
    group: GroupArgument = "food_delivery", encoder: EncoderOption = "minilm"
) -> None:
    """Check a group's files and corpus for problems; exits with 1 if it finds any."""
    findings = validation.find_group_problems(group, build_encoder(encoder))
    if not findings:
        out.print(Text.assemble(("✓ ", "bold green"), (group, "magenta"), " is valid."))
        return

    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    table.add_column("check", style="yellow", no_wrap=True)
    table.add_column("call", style="magenta", no_wrap=True)
    table.add_column("finding")
    for finding in findings:
        table.add_row(finding.check, finding.call or "", Text(finding.message))
    out.print(table)

    count = f"{len(findings)} finding{'' if len(findings) == 1 else 's'}."
    out.print(Text.assemble(("✗ ", "bold red"), (group, "magenta"), f": {count}"))
    raise typer.Exit(1)


@app.command("index")
def build_group_index(
    group: GroupArgument = "food_delivery", encoder: EncoderOption = "minilm"
) -> None:
    """Build a group's embeddings and Milvus Lite library in the cache, ahead of the first call."""
    loaded = load_group(group)
    phi = build_encoder(encoder)

    indexed = index_calls(loaded.calls, phi)
    SalesMoveClassifier(loaded, phi)  # embeds the taxonomy's phrases
    library = build_lite(indexed, library_key(loaded.digest, phi.name))

    exchanges = sum(len(vectors) for vectors in indexed.sales)
    text = f": {len(loaded.calls)} calls, {exchanges} exchanges in {library}"
    out.print(Text.assemble(("✓ ", "bold green"), (group, "magenta"), text), soft_wrap=True)


@app.command("data")
def write_group_training_data(
    group: GroupArgument = "food_delivery",
    folder: Annotated[Path, typer.Option("--out", help="Folder for d_gen/ and d_sim/.")] = Path(
        "data"
    ),
    encoder: EncoderOption = "minilm",
) -> None:
    """Write a group's training data D_gen and D_sim as parquet files for verl.

    `gsim group build` has already written them for the groups it builds.
    """
    sizes = write_training_files(load_group(group), build_encoder(encoder), folder)
    for name, rows in sizes.items():
        text = f"{folder / name}: {rows} rows"
        out.print(Text.assemble(("✓ ", "bold green"), text), soft_wrap=True)
