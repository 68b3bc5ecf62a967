"""The environments: single, vector and asyncio, and wrappers with discrete actions.

``gymnasium.make`` and ``gymnasium.make_vec`` find the first two by id.
:class:`AsyncTelemarketingEnv` is for asyncio loops. :class:`ScriptLines` and
:class:`VectorScriptLines` wrap them for RL libraries: each action is a line of the group's script.
"""

from gsim_env.envs.asynchronous import AsyncTelemarketingEnv
from gsim_env.envs.script_lines import ScriptLines, VectorScriptLines
from gsim_env.envs.telemarketing import TelemarketingEnv
from gsim_env.envs.vector import TelemarketingVectorEnv

__all__ = [
    "AsyncTelemarketingEnv",
    "ScriptLines",
    "TelemarketingEnv",
    "TelemarketingVectorEnv",
    "VectorScriptLines",
]
