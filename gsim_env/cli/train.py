"""``gsim train``: the models that the rewards are made of.

It reaches up, by name and only when called, as ``gsim doctor verl`` does: recipes stand on the
package, not it on them.
"""

import shlex
from typing import Annotated

import typer

from gsim_env.cli.terminal import out
from gsim_env.util.extras import require

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Train the models that the rewards are made of.")


@app.command()
def discriminator(
    config: Annotated[
        str,
        typer.Option(
            "--config",
            help="YAML settings: embedding, sequence_classification, paper, or a file of your own.",
        ),
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="Settings that differ from the file's."),
    ] = None,
) -> None:
    """Train the pattern reward model.

    Ask models for answers, learn to tell them from people's, report, plot.

    gsim train discriminator --config embedding d_sim=my_group/d_sim/train.parquet
    out=my_group/discriminator license=proprietary
    """
    changes = overrides or []
    settings = require("gsim_env.discriminator.settings", "train").read_settings(config, changes)
    command = shlex.join(["gsim", "train", "discriminator", "--config", config, *changes])
    require("gsim_env.discriminator.train", "train").train(settings, command)
    out.print((settings.out / "CARD.md").read_text(encoding="utf-8"), markup=False, highlight=False)
    out.print(f"Written to {settings.out}", highlight=False)
