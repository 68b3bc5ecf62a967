"""Registration with verl's trainer and workers: agent loops, rollout, CPU engine.

Selected by ``actor_rollout_ref.model.external_lib=verl_plugins.register``. verl imports the module
in the trainer, in rollout workers and in agent-loop workers. Reward functions, the dataset and the
replay buffer need no registration: the configuration names them by ``pkg://`` paths.
"""

from verl.utils.device import get_device_name

from verl_plugins.agent_loops import customer, sales
from verl_plugins.cpu import is_cpu_support_enabled, rollout

__all__ = ["customer", "sales"]

rollout.register_transformers_rollout()
if is_cpu_support_enabled() and get_device_name() == "cpu":
    from verl_plugins.cpu import engine

    engine.register_cpu_engine()
