"""Entry point of the group ``vllm.general_plugins``: weight synchronization with vLLM's CPU build.

vLLM's CPU build repacks the weights of linear layers for oneDNN and frees the originals, so verl's
next weight synchronization has no tensors to write to. This plugin keeps plain linear layers.
"""

from typing import Any

from verl_plugins.cpu import is_cpu_support_enabled

__all__ = ["register"]


def register() -> None:
    """Patch vLLM's CPU build to keep linear layers' weights, so that verl can update them.

    Does nothing without ``GSIM_VERL_CPU=1``. vLLM calls it in each of its processes before it loads
    a model.
    """
    if not is_cpu_support_enabled():
        return

    from vllm.platforms import current_platform

    if not current_platform.is_cpu():
        return

    import torch
    from vllm.model_executor.layers import utils

    def keep_weights(layer: Any, remove_weight: bool) -> None:  # noqa: ARG001, FBT001 - vLLM's signature
        layer.cpu_linear = torch.nn.functional.linear

    utils.dispatch_cpu_unquantized_gemm = keep_weights
