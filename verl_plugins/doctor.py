"""Checks of ``gsim doctor verl``: is the plugin loaded in the driver and in Ray's workers?"""

import importlib
import os
import sys
from collections.abc import Callable

from gsim_env.cli.diagnosis import CheckResult
from verl_plugins.cpu import CPU_VARIABLE, is_enabled

__all__ = ["checks", "describe_registration"]

AGENT_LOOPS = ("gsim_sales", "gsim_customer")


def checks() -> list[CheckResult]:
    """Return a check of this process and one of a worker of a local Ray cluster.

    Without an accelerator it sets ``GSIM_VERL_CPU=1`` for this process and its workers.
    """
    enable_cpu_without_accelerator()
    return [
        run_check("driver", describe_registration),
        run_check("Ray worker", describe_registration_in_worker),
    ]


def enable_cpu_without_accelerator() -> None:
    """Set ``GSIM_VERL_CPU=1`` if there is no accelerator and the user has not set it."""
    try:
        torch = importlib.import_module("torch")
    except ModuleNotFoundError:
        return  # the checks report it
    if not torch.accelerator.is_available():
        os.environ.setdefault(CPU_VARIABLE, "1")


def describe_registration() -> str:
    """Return verl's version, its device and the registered agent loops of this process.

    Raises:
        RuntimeError: if the entry point is not loaded or a registration is missing.
    """
    verl = importlib.import_module("verl")
    check_entry_point(verl.__version__)
    check_registries(verl.__version__)

    device = importlib.import_module("verl.utils.device").get_device_name()
    return f"verl {verl.__version__} on {device} has the agent loops {', '.join(AGENT_LOOPS)}"


def check_entry_point(version: str) -> None:
    """Raise a RuntimeError unless ``import verl`` has loaded the entry point."""
    if "verl_plugins.plugin" in sys.modules:
        return
    policy = os.environ.get("VERL_USE_EXTERNAL_PLUGINS", "auto")
    raise RuntimeError(
        f"verl {version} did not load the entry point 'gsim' of the group verl.plugins "
        f"(VERL_USE_EXTERNAL_PLUGINS={policy}). Install this package, or reinstall an older "
        "editable installation: pip install 'gsim-env[verl]'. Leave the variable unset."
    )


def check_registries(version: str) -> None:
    """Raise a RuntimeError unless verl's registries have the agent loops and the CPU platform."""
    importlib.import_module("verl_plugins.register")  # as actor_rollout_ref.model.external_lib does
    agent_loop = importlib.import_module("verl.experimental.agent_loop.agent_loop")
    platforms = importlib.import_module("verl.plugin.platform.platform_manager").PlatformRegistry

    missing = [name for name in AGENT_LOOPS if name not in agent_loop._agent_loop_registry]
    if is_enabled() and "cpu" not in platforms.registered_names():
        missing.append("the platform cpu")
    if missing:
        raise RuntimeError(f"verl {version} lacks {', '.join(missing)}; see its log for the cause.")


def describe_registration_in_worker() -> str:
    """Return ``describe_registration`` of a Ray worker."""
    ray = importlib.import_module("ray")
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        description: str = ray.get(ray.remote(describe_registration).remote())
    finally:
        ray.shutdown()
    return description


def run_check(name: str, describe: Callable[[], str]) -> CheckResult:
    """Return a check that works with the description, or is broken with the error."""
    try:
        return CheckResult(name, "works", describe())
    except Exception as error:  # noqa: BLE001 - any error of an installation is a diagnosis
        return CheckResult(name, "broken", str(error))
