"""``gsim group build``.

From raw dialogues to a group, in steps that go on where they were cut off.
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from gsim_env.cli.options import EncoderOption, model_spec
from gsim_env.cli.terminal import err, out
from gsim_env.corpus.annotate import annotate
from gsim_env.corpus.assemble import assemble
from gsim_env.corpus.build import Build, read
from gsim_env.errors import unknown

__all__ = ["build"]

STEPS = ("read", "annotate", "assemble")


def build(
    source: Annotated[
        Path, typer.Option("--from", metavar="FILE", help="The raw dialogues: JSONL, JSON or CSV.")
    ],
    out_folder: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="The folder that becomes the group.")
    ],
    template: Annotated[
        str,
        typer.Option(
            "--template",
            help="Brief, taxonomy, archetypes: a built-in template or group, or a folder.",
        ),
    ],
    mapping: Annotated[
        str | None,
        typer.Option(
            "--mapping",
            help="Where in a row things are: built in, or a YAML file. Guessed if left out.",
        ),
    ] = None,
    annotator: Annotated[
        str,
        typer.Option(
            "--annotator",
            metavar="classifier|JSON",
            help="Names the stages: a classifier, or a backend.",
        ),
    ] = "classifier",
    extractor: Annotated[
        str,
        typer.Option(
            "--extractor",
            metavar="style|JSON",
            help="Writes the profiles: statistics, or a backend.",
        ),
    ] = "style",
    encoder: EncoderOption = "minilm",
    held_out: Annotated[
        float, typer.Option("--held-out", help="Share of the customers kept out of the group.")
    ] = 0.2,
    on_error: Annotated[
        str, typer.Option("--on-error", help="Malformed rows: raise, or skip and count them.")
    ] = "raise",
    ignore_labels: Annotated[
        bool,
        typer.Option(
            "--ignore-labels", help="Leave out the stages and concerns that the source names."
        ),
    ] = False,
    engine: Annotated[
        str, typer.Option("--engine", help="local, or ray: the machines of a Ray cluster.")
    ] = "local",
    until: Annotated[
        str, typer.Option("--until", help="Stop after this step: read, annotate, assemble.")
    ] = "assemble",
) -> None:
    """Make a group of your own customers out of raw dialogues.

    read (mask personal data, leave out duplicates), annotate (stages, concerns, profiles), assemble
    (split by customer, training data, library, card). Run it again after a crash: what is done is
    not done again.
    """
    if until not in STEPS:
        raise unknown("step", until, STEPS)
    models = (model_spec(annotator, "--annotator"), model_spec(extractor, "--extractor"))
    made = Build(
        source, template, out_folder, mapping, *models, encoder, held_out, on_error, ignore_labels
    )
    if not made.begin():
        out.print(
            Text.assemble(("✓ ", "bold green"), (str(out_folder), "magenta"), " is built already.")
        )
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err) as bars:
        tasks = {
            step: bars.add_task(step, start=False, total=None)
            for step in STEPS[: STEPS.index(until) + 1]
        }

        def progress(step: str, done: int, total: int | None) -> None:
            bars.start_task(tasks[step])
            bars.update(tasks[step], completed=done, total=total)

        counts = read(made, progress)
        progress("read", counts["dialogues"], counts["dialogues"])
        if until != "read":
            annotate(made, progress, engine)
        if until == "assemble":
            group = assemble(made, counts, progress)
    malformed = len(counts["malformed"])
    left_out = f", {malformed} malformed rows and {counts['duplicates']} duplicates left out"
    if until != "assemble":
        out.print(
            Text.assemble(
                ("✓ ", "bold green"), f"{until} done: {counts['dialogues']} dialogues{left_out}."
            )
        )
        return
    out.print(
        Text.assemble(
            ("✓ ", "bold green"),
            (str(out_folder), "magenta"),
            f": {len(group.calls)} calls{left_out}.",
        ),
        soft_wrap=True,
    )
    out.print(
        f'gym.make("GroupedSim-Telemarketing-v0", group="{out_folder}")',
        style="dim",
        soft_wrap=True,
    )
