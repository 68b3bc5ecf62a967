"""Grouped Simulator: simulated telemarketing customers as Gymnasium environments.

Importing registers the environment ids; ``gymnasium.register_envs(gsim_env)`` says so to linters.
"""

from gymnasium.envs.registration import register, registry

__all__ = ["__version__"]
__version__ = "0.1.0"

if "GroupedSim-Telemarketing-v0" not in registry:
    register(
        id="GroupedSim-Telemarketing-v0",
        entry_point="gsim_env.envs.telemarketing:TelemarketingEnv",
        vector_entry_point="gsim_env.envs.vector:TelemarketingVectorEnv",
        disable_env_checker=True,  # it would make every first call twice as slow; the tests run it
    )
