"""The typer application: commands, ``--version``, and exit codes of errors."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from gsim_env import __version__
from gsim_env.cli import chat, demo, doctor, evaluate, group, models, train
from gsim_env.cli.terminal import out, print_error
from gsim_env.errors import GsimError, SimulatorError

__all__ = ["app"]

EPILOG = (
    "[b]Exit codes[/b]  [b]0[/b] success.  [b]1[/b] a check found problems (group validate, "
    "doctor).  [b]2[/b] wrong usage or configuration.  "
    "[b]3[/b] a model, the encoder or the database failed."
)


class ErrorReportingTyperGroup(TyperGroup):
    """Typer group that turns the package's errors into a message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen command; exit with a code if it raises one of the package's errors.

        Raises:
            typer.Exit: with 3 for a SimulatorError, with 2 for errors that the user can fix.
        """
        try:
            return super().invoke(ctx)
        except (GsimError, ImportError) as error:
            print_error(error)
            raise typer.Exit(3 if isinstance(error, SimulatorError) else 2) from error


app = typer.Typer(
    name="gsim",
    cls=ErrorReportingTyperGroup,
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version_and_exit(requested: bool) -> None:
    """Print the version and exit if requested."""
    if requested:
        out.print(f"gsim-env {__version__}")
        raise typer.Exit


@app.callback()
def _gsim(
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version_and_exit,
            is_eager=True,
            help="Print the version and exit.",
        ),
    ] = False,
) -> None:
    """Simulated telemarketing customers: watch them, talk to them, build and evaluate groups."""


app.command("demo")(demo.show_demo_calls)
app.command("chat")(chat.chat_with_customer)
app.add_typer(models.app, name="models")
app.add_typer(group.app, name="group")
app.add_typer(train.app, name="train")
app.add_typer(evaluate.app, name="evaluate")
app.command("doctor")(doctor.diagnose_installation)
