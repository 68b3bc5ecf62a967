"""``gsim group mine``.

A draft of a new domain's taxonomy out of raw dialogues, for a person to edit.
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from gsim_env.cli.options import EncoderOption, SeedOption, model_spec
from gsim_env.cli.terminal import out
from gsim_env.corpus.mining import mine_template

__all__ = ["mine"]


def mine(
    source: Annotated[
        Path, typer.Option("--from", metavar="FILE", help="The raw dialogues: JSONL, JSON or CSV.")
    ],
    out_folder: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="The folder of the template.")
    ],
    name: Annotated[
        str, typer.Option("--name", help="What the group is called: an identifier.")
    ] = "mine",
    mapping: Annotated[
        str | None,
        typer.Option(
            "--mapping",
            help="Where in a row things are: built in, or a YAML file. Guessed if left out.",
        ),
    ] = None,
    stages: Annotated[int, typer.Option("--stages", min=5, help="Stages of each side.")] = 9,
    concerns: Annotated[
        int, typer.Option("--concerns", min=1, help="Concerns of the customers.")
    ] = 8,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="JSON",
            help="Backend that names stages and concerns; else key words do.",
        ),
    ] = None,
    encoder: EncoderOption = "minilm",
    seed: SeedOption = 0,
) -> None:
    """Propose stages and concerns for a new domain.

    Clusters of what was said, as a template that ``build`` takes.

    Everything in it is a guess: read taxonomy.toml, which says what to check, and edit it.
    """
    spec = None if model is None else model_spec(model, "--model")
    group, _ = mine_template(
        source,
        out_folder,
        name=name,
        mapping=mapping,
        encoder=encoder,
        stages=stages,
        concerns=concerns,
        model=spec,
        seed=seed,
    )
    found = f": {len(group.taxonomy.sales)} + {len(group.taxonomy.customer)} stages, {len(group.taxonomy.concerns)} concerns."
    out.print(
        Text.assemble(("✓ ", "bold green"), (str(out_folder), "magenta"), found), soft_wrap=True
    )
    out.print(
        f"Read and edit {out_folder / 'taxonomy.toml'}, then: gsim group build --template {out_folder} ...",
        style="dim",
    )
