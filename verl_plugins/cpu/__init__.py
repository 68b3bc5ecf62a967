"""verl on machines without an accelerator, for tests, demonstrations and small models.

The environment variable ``GSIM_VERL_CPU=1`` enables it. Modules, each for one thing that
verl 0.9.1 lacks on a CPU: ``platform`` (the device), ``engine`` (FSDP), ``rollout`` and
``sampler`` (generation with transformers, also usable on a GPU), ``shared_prefix`` (a prompt shared
by several samples is computed once), ``vllm_weights`` (weight synchronization with vLLM's CPU
build).
"""

import os

__all__ = ["CPU_VARIABLE", "is_cpu_support_enabled"]

CPU_VARIABLE = "GSIM_VERL_CPU"


def is_cpu_support_enabled() -> bool:
    """Return whether ``GSIM_VERL_CPU=1`` enables verl on a CPU in this process."""
    return os.environ.get(CPU_VARIABLE) == "1"
