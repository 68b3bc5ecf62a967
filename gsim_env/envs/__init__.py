"""The environments.

``gymnasium.make`` finds them by id; :class:`AsyncTelemarketingEnv` is for asynchronous loops.

:class:`ScriptLines` and :class:`VectorScriptLines` wrap them for learners that pick one of a
script's lines.
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
