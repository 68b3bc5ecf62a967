"""Checks of ``gsim doctor verl``: is the plugin loaded in the driver and in Ray's workers?"""

import importlib
import os
import sys
from collections.abc import Callable

from gsim_env.cli.diagnosis import CheckResult
from verl_plugins.cpu import CPU_VARIABLE, is_cpu_support_enabled

__all__ = ["checks", "describe_verl_registration"]

AGENT_LOOPS = ("gsim_sales", "gsim_customer")


def checks() -> list[CheckResult]:
    """Check that verl has loaded this plugin, in this process and in a local Ray worker.

    Without an accelerator, set ``GSIM_VERL_CPU=1`` for this process and its workers.
    """
    enable_cpu_without_accelerator()
    return [
        run_diagnostic_check("driver", describe_verl_registration),
        run_diagnostic_check("Ray worker", _describe_registration_in_worker),
    ]


def enable_cpu_without_accelerator() -> None:
    """Set ``GSIM_VERL_CPU=1`` if torch finds no accelerator and the variable is unset."""
    try:
        torch = importlib.import_module("torch")
    except ModuleNotFoundError:
        return  # the checks report it
    if not torch.accelerator.is_available():
        os.environ.setdefault(CPU_VARIABLE, "1")


def describe_verl_registration() -> str:
    """Return one line with verl's version, its device and this plugin's agent loops.

    Raises:
        RuntimeError: if the entry point is not loaded or a registration is missing.
    """
    verl = importlib.import_module("verl")
    check_plugin_entry_point(verl.__version__)
    _check_registries(verl.__version__)

    device = importlib.import_module("verl.utils.device").get_device_name()
    return f"verl {verl.__version__} on {device} has the agent loops {', '.join(AGENT_LOOPS)}"


def check_plugin_entry_point(version: str) -> None:
    """Raise a RuntimeError unless ``import verl`` has loaded this plugin's entry point."""
    if "verl_plugins.plugin" in sys.modules:
        return
    policy = os.environ.get("VERL_USE_EXTERNAL_PLUGINS", "auto")
    raise RuntimeError(
        f"verl {version} did not load the entry point 'gsim' of the group verl.plugins "
        f"(VERL_USE_EXTERNAL_PLUGINS={policy}). Install this package, or reinstall an older "
        "editable installation: pip install 'gsim-env[verl]'. Leave the variable unset."
    )


def _check_registries(version: str) -> None:
    """Raise a RuntimeError unless verl's registries have the agent loops and the CPU platform."""
    importlib.import_module("verl_plugins.register")  # as actor_rollout_ref.model.external_lib does
    agent_loop = importlib.import_module("verl.experimental.agent_loop.agent_loop")
    platforms = importlib.import_module("verl.plugin.platform.platform_manager").PlatformRegistry

    missing = [name for name in AGENT_LOOPS if name not in agent_loop._agent_loop_registry]
    if is_cpu_support_enabled() and "cpu" not in platforms.registered_names():
        missing.append("the platform cpu")
    if missing:
        raise RuntimeError(f"verl {version} lacks {', '.join(missing)}; see its log for the cause.")


def _describe_registration_in_worker() -> str:
    """Return :func:`describe_verl_registration` as called in a worker of a local Ray cluster."""
    ray = importlib.import_module("ray")
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        description: str = ray.get(ray.remote(describe_verl_registration).remote())
    finally:
        ray.shutdown()
    return description


def run_diagnostic_check(name: str, describe: Callable[[], str]) -> CheckResult:
    """Run a diagnosis and return a check: works with its description, or broken by its error."""
    try:
        return CheckResult(name, "works", describe())
    except Exception as error:  # noqa: BLE001 - any error of an installation is a diagnosis
        return CheckResult(name, "broken", str(error))
