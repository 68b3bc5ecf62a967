"""What ``gsim doctor verl`` looks into.

Whether verl knows this project, in the driver and in Ray's workers.
"""

import importlib
import os
import sys
from collections.abc import Callable

from gsim_env.cli.diagnosis import Check

__all__ = ["checks", "known"]

LOOPS = ("gsim_sales", "gsim_customer")


def checks() -> list[Check]:
    """Look at this process, and at a worker of a Ray of its own."""
    return [_check("driver", known), _check("Ray worker", in_worker)]


def known() -> str:
    """Say what verl knows of this project in this process.

    Raises:
        RuntimeError: if the entry point was not loaded, or something that is to be registered is
            not; says what to do.
    """
    verl = importlib.import_module("verl")
    if "verl_plugins.plugin" not in sys.modules:
        policy = os.environ.get("VERL_USE_EXTERNAL_PLUGINS", "auto")
        raise RuntimeError(
            f"verl {verl.__version__} did not load the entry point gsim of the group verl.plugins "
            f"(VERL_USE_EXTERNAL_PLUGINS={policy}). Install this package (pip install 'gsim-env[verl]', or again if it is "
            "editable and older), and leave that variable unset."
        )
    importlib.import_module("verl_plugins.register")  # as actor_rollout_ref.model.external_lib does
    agent_loop = importlib.import_module("verl.experimental.agent_loop.agent_loop")
    platforms = importlib.import_module(
        "verl.plugin.platform.platform_manager"
    ).PlatformRegistry.registered_names()
    missing = [name for name in LOOPS if name not in agent_loop._agent_loop_registry]
    missing += [] if "cpu" in platforms else ["the platform cpu"]
    if missing:
        raise RuntimeError(
            f"verl {verl.__version__} does not know {', '.join(missing)}; its log says why."
        )
    device = importlib.import_module("verl.utils.device").get_device_name()
    return f"verl {verl.__version__} on {device} knows {', '.join(LOOPS)}"


def in_worker() -> str:
    """Say what verl knows of this project in a Ray worker."""
    ray = importlib.import_module("ray")
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        found: str = ray.get(ray.remote(known).remote())
    finally:
        ray.shutdown()
    return found


def _check(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, "works", look())
    except Exception as error:  # noqa: BLE001 - a broken installation fails in its own way
        return Check(name, "broken", str(error))
