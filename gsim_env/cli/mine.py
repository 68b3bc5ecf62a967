"""``gsim group mine``: draft the taxonomy of a new domain from raw dialogues."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from gsim_env.cli.options import EncoderOption, SeedOption, parse_model_option
from gsim_env.cli.terminal import out
from gsim_env.corpus.mining import mine_template

__all__ = ["mine_group_template"]


def mine_group_template(
    source: Annotated[
        Path, typer.Option("--from", metavar="FILE", help="Raw dialogues: JSONL, JSON or CSV.")
    ],
    out_folder: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="The folder of the template.")
    ],
    name: Annotated[
        str, typer.Option("--name", help="The name of the group: an identifier.")
    ] = "mine",
    mapping: Annotated[
        str | None,
        typer.Option(
            "--mapping",
            help="The field mapping: a built-in one or a YAML file. Default: guessed.",
        ),
    ] = None,
    stages: Annotated[
        int, typer.Option("--stages", min=5, help="Number of stages of each side.")
    ] = 9,
    concerns: Annotated[
        int, typer.Option("--concerns", min=1, help="Maximum number of customer concerns.")
    ] = 8,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="JSON",
            help="Backend that names stages and concerns. Default: key words name them.",
        ),
    ] = None,
    encoder: EncoderOption = "minilm",
    seed: SeedOption = 0,
) -> None:
    """Draft stages and concerns for a new domain by clustering its dialogues.

    Writes a template for `gsim group build`. Everything in it is a guess: read taxonomy.toml, which
    says what to check, and edit it.
    """
    group, _ = mine_template(
        source,
        out_folder,
        name=name,
        mapping=mapping,
        encoder=encoder,
        stages=stages,
        concerns=concerns,
        model=None if model is None else parse_model_option(model, "--model"),
        seed=seed,
    )

    taxonomy = group.taxonomy
    sizes = f"{len(taxonomy.sales)} + {len(taxonomy.customer)} stages"
    text = f": {sizes}, {len(taxonomy.concerns)} concerns."
    out.print(
        Text.assemble(("✓ ", "bold green"), (str(out_folder), "magenta"), text), soft_wrap=True
    )
    edit = f"Read and edit {out_folder / 'taxonomy.toml'}"
    out.print(f"{edit}, then: gsim group build --template {out_folder} ...", style="dim")
