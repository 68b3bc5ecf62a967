"""``gsim train``: training of the models that rewards need."""

import shlex
from typing import Annotated

import typer

from gsim_env.cli.terminal import out
from gsim_env.util.extras import check_extra_installed

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Train the models that the reward functions need.")


@app.command()
def discriminator(
    config: Annotated[
        str,
        typer.Option(
            "--config",
            help="Built-in settings (embedding, sequence_classification, paper) or a YAML file.",
        ),
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="Settings that replace those of --config."),
    ] = None,
) -> None:
    """Train the pattern reward model, which tells human from model answers (appendix B).

    Generates model answers, trains the model, and writes a report with plots. Resumes after an
    interruption: rerun the same command.

    gsim train discriminator --config embedding d_sim=my_group/d_sim/train.parquet
    out=my_group/discriminator license=proprietary
    """
    check_extra_installed("train")
    from gsim_env.discriminator.settings import read_discriminator_settings
    from gsim_env.discriminator.train import CARD, train_discriminator

    changes = overrides or []
    settings = read_discriminator_settings(config, changes)
    command = shlex.join(["gsim", "train", "discriminator", "--config", config, *changes])
    train_discriminator(settings, command)

    out.print((settings.out / CARD).read_text(encoding="utf-8"), markup=False, highlight=False)
    out.print(f"Results: {settings.out}", highlight=False)
