"""The environments. ``gymnasium.make`` finds them by id; :class:`AsyncTelemarketing` is for asynchronous loops."""

from gsim_env.envs.episode import AsyncTelemarketing
from gsim_env.envs.telemarketing import TelemarketingEnv
from gsim_env.envs.vector import TelemarketingVectorEnv

__all__ = ["AsyncTelemarketing", "TelemarketingEnv", "TelemarketingVectorEnv"]
