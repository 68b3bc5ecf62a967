"""Grouped Simulator: simulated telemarketing customers as Gymnasium environments.

Importing the package registers ``GroupedSim-Telemarketing-v0`` with Gymnasium. The names below are
the public interface; each is imported when it is first used, so ``import gsim_env`` stays fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from gymnasium.envs.registration import register, registry

if TYPE_CHECKING:
    from gsim_env.envs import AsyncTelemarketingEnv, TelemarketingEnv, TelemarketingVectorEnv
    from gsim_env.envs.playing import play_call
    from gsim_env.errors import (
        ConfigurationError,
        CorpusError,
        GsimError,
        ResetNeededError,
        SimulatorError,
        UtteranceError,
    )
    from gsim_env.groups import load_group
    from gsim_env.simulation.config import SimulatorConfig
    from gsim_env.simulation.salespeople import SalespersonFactory
    from gsim_env.simulation.simulator import Simulator

__all__ = [
    "AsyncTelemarketingEnv",
    "ConfigurationError",
    "CorpusError",
    "GsimError",
    "ResetNeededError",
    "SalespersonFactory",
    "Simulator",
    "SimulatorConfig",
    "SimulatorError",
    "TelemarketingEnv",
    "TelemarketingVectorEnv",
    "UtteranceError",
    "__version__",
    "load_group",
    "play_call",
]
__version__ = "0.1.0"

_MODULES = {
    "AsyncTelemarketingEnv": "gsim_env.envs",
    "ConfigurationError": "gsim_env.errors",
    "CorpusError": "gsim_env.errors",
    "GsimError": "gsim_env.errors",
    "ResetNeededError": "gsim_env.errors",
    "SalespersonFactory": "gsim_env.simulation.salespeople",
    "Simulator": "gsim_env.simulation.simulator",
    "SimulatorConfig": "gsim_env.simulation.config",
    "SimulatorError": "gsim_env.errors",
    "TelemarketingEnv": "gsim_env.envs",
    "TelemarketingVectorEnv": "gsim_env.envs",
    "UtteranceError": "gsim_env.errors",
    "load_group": "gsim_env.groups",
    "play_call": "gsim_env.envs.playing",
}
"""The module of each public name."""


def __getattr__(name: str) -> object:
    """Import a public name on first use (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the names of the module, those not imported yet included."""
    return sorted({*globals(), *_MODULES})


if "GroupedSim-Telemarketing-v0" not in registry:
    register(
        id="GroupedSim-Telemarketing-v0",
        entry_point="gsim_env.envs.telemarketing:TelemarketingEnv",
        vector_entry_point="gsim_env.envs.vector:TelemarketingVectorEnv",
        disable_env_checker=True,  # it would double the time of every first call; the tests run it
    )
