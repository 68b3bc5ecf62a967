"""``gsim group build``: build a group from raw dialogues."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from gsim_env.cli.options import EncoderOption, parse_model_option
from gsim_env.cli.progress import progress_bars
from gsim_env.cli.terminal import out
from gsim_env.corpus.build import STEPS, BuildResult, run_steps
from gsim_env.corpus.settings import BuildSettings
from gsim_env.errors import unknown_name_error

__all__ = ["build_group"]


def build_group(
    source: Annotated[
        Path, typer.Option("--from", metavar="FILE", help="Raw dialogues: JSONL, JSON or CSV.")
    ],
    out_folder: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="The folder that becomes the group.")
    ],
    template: Annotated[
        str,
        typer.Option(
            "--template",
            help="Brief, taxonomy and archetypes: a built-in template or group, or a folder.",
        ),
    ],
    mapping: Annotated[
        str | None,
        typer.Option(
            "--mapping",
            help="The field mapping: a built-in one or a YAML file. Default: guessed.",
        ),
    ] = None,
    annotator: Annotated[
        str,
        typer.Option(
            "--annotator",
            metavar="classifier|JSON",
            help="Labels the stages: the built-in classifier, or a backend.",
        ),
    ] = "classifier",
    extractor: Annotated[
        str,
        typer.Option(
            "--extractor",
            metavar="style|JSON",
            help="Extracts the profiles: style (statistics and quotations), or a backend.",
        ),
    ] = "style",
    encoder: EncoderOption = "minilm",
    held_out: Annotated[
        float,
        typer.Option("--held-out", help="Share of the customers kept out of the group, in [0, 1)."),
    ] = 0.2,
    on_error: Annotated[
        str, typer.Option("--on-error", help="Malformed rows: raise, or skip to count them.")
    ] = "raise",
    ignore_labels: Annotated[
        bool, typer.Option("--ignore-labels", help="Drop the stages and concerns of the source.")
    ] = False,
    engine: Annotated[
        str, typer.Option("--engine", help="Where chunks are annotated: local, or ray (a cluster).")
    ] = "local",
    until: Annotated[
        str, typer.Option("--until", help="Stop after this step: read, annotate or assemble.")
    ] = "assemble",
) -> None:
    """Build a group of simulated customers from raw dialogues of your own.

    Steps: read (mask personal data, drop duplicates), annotate (stages, concerns, profiles),
    assemble (split by customer, training data, library, card). Resumes after an interruption: rerun
    the same command.
    """
    if until not in STEPS:
        raise unknown_name_error("step", until, STEPS)
    settings = BuildSettings(
        source=source,
        template=template,
        out=out_folder,
        mapping=mapping,
        annotator=parse_model_option(annotator, "--annotator"),
        extractor=parse_model_option(extractor, "--extractor"),
        encoder=encoder,
        held_out=held_out,
        on_error=on_error,
        ignore_labels=ignore_labels,
    )

    with progress_bars(STEPS[: STEPS.index(until) + 1]) as progress:
        result = run_steps(settings, progress, engine=engine, until=until)
    _print_result(result, out_folder, until)


def _print_result(result: BuildResult, folder: Path, until: str) -> None:
    """Print what was built, what was left out, and how to use the group."""
    name = (str(folder), "magenta")
    if result.was_built:
        out.print(Text.assemble(("✓ ", "bold green"), name, " is built already."))
        return

    counts = result.counts
    left_out = f"{len(counts.malformed)} malformed rows and {counts.duplicates} duplicates left out"
    if result.group is None:
        text = f"{until} done: {counts.dialogues} dialogues, {left_out}."
        out.print(Text.assemble(("✓ ", "bold green"), text))
        return

    text = f": {len(result.group.calls)} calls, {left_out}."
    out.print(Text.assemble(("✓ ", "bold green"), name, text), soft_wrap=True)
    usage = f'gym.make("GroupedSim-Telemarketing-v0", group="{folder}")'
    out.print(usage, style="dim", soft_wrap=True)
