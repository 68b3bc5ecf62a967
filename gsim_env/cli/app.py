"""The typer application: its commands, ``--version``, and what becomes of errors."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from gsim_env import __version__
from gsim_env.cli import chat, demo, doctor, evaluate, group, models, train
from gsim_env.cli.terminal import out, print_error
from gsim_env.errors import GsimError, SimulatorError

__all__ = ["app"]

EPILOG = (
    "[b]Exit codes[/b]  [b]0[/b] done.  [b]1[/b] what was checked failed the check (group validate, doctor).  "
    "[b]2[/b] bad usage or configuration.  [b]3[/b] a model, the encoder or the database did not answer."
)


class ReportingGroup(TyperGroup):
    """Turns the errors that the package raises on purpose into a message and an exit code.

    Others are bugs and show.
    """

    def invoke(self, ctx: Any) -> Any:
        """Run the command.

        Raises:
            typer.Exit: with 3 for a SimulatorError, with 2 for what the user can mend.
        """
        try:
            return super().invoke(ctx)
        except (GsimError, ImportError) as error:
            print_error(error)
            raise typer.Exit(3 if isinstance(error, SimulatorError) else 2) from error


app = typer.Typer(
    name="gsim",
    cls=ReportingGroup,
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def show_version(wanted: bool) -> None:
    """Print the version and stop, if it was asked for."""
    if wanted:
        out.print(f"gsim-env {__version__}")
        raise typer.Exit


@app.callback()
def gsim(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=show_version, is_eager=True, help="Print the version and stop."
        ),
    ] = False,
) -> None:
    """Simulated telemarketing customers: try them, talk to them, look into their groups."""


app.command()(demo.demo)
app.command()(chat.chat)
app.add_typer(models.app, name="models")
app.add_typer(group.app, name="group")
app.add_typer(train.app, name="train")
app.add_typer(evaluate.app, name="evaluate")
app.command()(doctor.doctor)
