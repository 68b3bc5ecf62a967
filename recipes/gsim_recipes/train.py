"""Launcher of the verl recipes.

    python -m gsim_recipes.train sales_grpo machine=cpu_smoke actor_rollout_ref.model.path=smollm2

A recipe and a machine are options of hydra config groups in ``configs/grpo`` (trainer:
``verl.trainer.main_ppo``) and ``configs/sft`` (``verl.trainer.sft_trainer``).
"""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any

import typer

from gsim_env.errors import ConfigurationError, GsimError, unknown_name_error
from gsim_env.util.extras import import_optional_module

__all__ = [
    "VerlTrainer",
    "compose_recipe_config",
    "main",
    "trainer_command",
    "trainer_environment_variables",
]

CONFIGS = Path(__file__).with_name("configs")
REQUIRED_VERL = "0.9.1"
DEFAULT_MACHINE = "cpu_smoke"

ENVIRONMENT = {
    "TOKENIZERS_PARALLELISM": "false",
    "RAY_USAGE_STATS_ENABLED": "0",
    "HYDRA_FULL_ERROR": "1",
}
"""Variables of every launch, unless the user has set them."""

CPU_ENVIRONMENT = {"GSIM_VERL_CPU": "1"}
"""Variables of a launch without an accelerator: switch on ``verl_plugins.cpu``."""


@dataclass(frozen=True)
class VerlTrainer:
    """One of verl's trainers and its folder of recipe and machine configurations.

    Attributes:
        name: Folder below ``configs``.
        module: The trainer's Python module.
    """

    name: str
    module: str

    @property
    def config_folder(self) -> Path:
        """Return the trainer's hydra folder: ``config.yaml`` and the config groups."""
        return CONFIGS / self.name

    def option_names(self, group: str) -> list[str]:
        """Return the option names of a hydra config group, ``recipe`` or ``machine``."""
        return sorted(file.stem for file in (self.config_folder / group).glob("*.yaml"))


TRAINERS = (
    VerlTrainer("grpo", "verl.trainer.main_ppo"),
    VerlTrainer("sft", "verl.trainer.sft_trainer"),
)


def trainer_of_recipe(recipe: str) -> VerlTrainer:
    """Return verl's trainer that has a configuration for a recipe.

    Raises:
        ConfigurationError: if no trainer has the recipe; names the nearest one.
    """
    trainers: dict[str, VerlTrainer] = {}
    for trainer in TRAINERS:
        trainers |= dict.fromkeys(trainer.option_names("recipe"), trainer)

    if recipe not in trainers:
        raise unknown_name_error("recipe", recipe, trainers)
    return trainers[recipe]


def compose_recipe_config(recipe: str, overrides: Sequence[str] = ()) -> Any:
    """Return the hydra configuration of a recipe, composed with overrides.

    Args:
        recipe: Name of the recipe.
        overrides: hydra overrides, such as ``machine=cpu`` or ``trainer.total_epochs=3``.

    Raises:
        ConfigurationError: if the recipe, the machine or an override is unknown to hydra.
    """
    hydra = import_optional_module("hydra", "verl")
    errors = import_optional_module("hydra.errors", "verl")
    trainer = trainer_of_recipe(recipe)
    _check_machine(trainer, overrides)

    with hydra.initialize_config_dir(str(trainer.config_folder), version_base=None):
        try:
            return hydra.compose("config", overrides=[f"recipe={recipe}", *overrides])
        except errors.HydraException as error:
            raise ConfigurationError(f"{recipe}: {error}") from error


def _check_machine(trainer: VerlTrainer, overrides: Sequence[str]) -> None:
    """Raise a ConfigurationError if an override names a machine that the trainer does not have."""
    machines = trainer.option_names("machine")
    for override in overrides:
        key, _, machine = override.partition("=")
        if key == "machine" and machine not in machines:
            raise unknown_name_error("machine", machine, machines)


def check_verl_version() -> None:
    """Raise a ConfigurationError unless the installed verl is :data:`REQUIRED_VERL`."""
    try:
        installed = version("verl")
    except PackageNotFoundError:
        installed = "none"
    if installed != REQUIRED_VERL:
        raise ConfigurationError(
            f"The recipes need verl {REQUIRED_VERL}, and the installed version is {installed}. "
            "Run: pip install 'gsim-env[verl]'"
        )


def trainer_command(recipe: str, arguments: Sequence[str], config: Any) -> list[str]:
    """Return the command, as a list of arguments, that runs verl's trainer for a recipe.

    Args:
        recipe: Name of the recipe.
        arguments: hydra overrides and flags, passed on to the trainer.
        config: The composed configuration, for ``trainer.nnodes`` and ``trainer.n_gpus_per_node``.

    Raises:
        ConfigurationError: if supervised fine-tuning on several nodes has no rendezvous.
    """
    trainer = trainer_of_recipe(recipe)
    hydra_arguments = [
        f"--config-path={trainer.config_folder}",
        "--config-name=config",
        f"recipe={recipe}",
        *arguments,
    ]
    processes = _torchrun_arguments(config.trainer) if trainer.name == "sft" else []
    return [sys.executable, *processes, "-m", trainer.module, *hydra_arguments]


def _torchrun_arguments(settings: Any) -> list[str]:
    """Return the arguments that start one process per GPU with torchrun.

    Ray starts the processes of ``verl.trainer.main_ppo``; ``verl.trainer.sft_trainer`` needs
    torchrun.

    Args:
        settings: The configuration's node ``trainer``.

    Raises:
        ConfigurationError: if there are several nodes and no ``PET_RDZV_ENDPOINT``.
    """
    torchrun = ["-m", "torch.distributed.run", f"--nproc_per_node={settings.n_gpus_per_node}"]
    if settings.nnodes == 1:
        return [*torchrun, "--standalone"]

    if "PET_RDZV_ENDPOINT" not in os.environ:
        raise ConfigurationError(
            f"trainer.nnodes is {settings.nnodes}, and torchrun has no rendezvous. Set "
            "PET_RDZV_ENDPOINT=HOST:PORT, with a host among the nodes, and run the same command "
            "on each node."
        )
    return [*torchrun, f"--nnodes={settings.nnodes}", "--rdzv_backend=c10d"]


def trainer_environment_variables(config: Any, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for verl's trainer: ``environment`` plus missing defaults.

    verl's Ray workers inherit them: ``ray.init`` starts the local cluster as a child process.
    """
    cpu = CPU_ENVIRONMENT if config.trainer.device == "cpu" else {}
    return {**ENVIRONMENT, **cpu, **environment}


def _list_recipes() -> str:
    """Return the names of each trainer's recipes and machines, as Markdown for ``--help``."""
    paragraphs = [
        f"{trainer.module}\n\n"
        f"- recipes: {', '.join(trainer.option_names('recipe'))}\n\n"
        f"- machines: {', '.join(trainer.option_names('machine'))}"
        for trainer in TRAINERS
    ]
    return "\n\n".join(paragraphs)


HELP = f"""Train with verl: compose a recipe's configuration for a machine and run verl's trainer.

machine=NAME selects the machine (default: {DEFAULT_MACHINE}). Other overrides change single
settings, such as trainer.total_training_steps=10. Flags are passed on to hydra: with --cfg=job, the
trainer prints its configuration and exits.

{_list_recipes()}
"""


def launch_trainer(
    recipe: Annotated[str, typer.Argument(help="Name of the recipe.")],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="[OVERRIDES]...", help="hydra overrides and flags."),
    ] = None,
) -> None:
    """Compose a recipe's configuration and replace the current process by verl's trainer."""
    arguments = arguments or []
    overrides = [argument for argument in arguments if not argument.startswith("-")]
    try:
        check_verl_version()
        config = compose_recipe_config(recipe, overrides)
        command = trainer_command(recipe, arguments, config)
    except (GsimError, ImportError) as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(2) from error

    sys.stdout.flush()
    os.execve(command[0], command, trainer_environment_variables(config, os.environ))  # noqa: S606


def main() -> None:
    """Run the command line that launches verl's trainer for a recipe."""
    app = typer.Typer(add_completion=False, rich_markup_mode="markdown")
    settings = {"ignore_unknown_options": True}  # hydra's flags
    app.command(help=HELP, context_settings=settings, no_args_is_help=True)(launch_trainer)
    app()


if __name__ == "__main__":
    main()
