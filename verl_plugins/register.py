"""What verl's trainer and workers know of this project.

``actor_rollout_ref.model.external_lib=verl_plugins.register``.

verl imports it in the process that trains, in rollout workers and in agent-loop workers. Reward
functions, the dataset and the replay buffer are named in the configuration by ``pkg://`` paths and
need no registration.
"""

from verl.utils.device import get_device_name

from verl_plugins.agent_loops import customer, sales
from verl_plugins.cpu import rollout

__all__ = ["customer", "sales"]

rollout.register()
if get_device_name() == "cpu":
    from verl_plugins.cpu import engine

    engine.register()
