"""The entry point of the group ``vllm.general_plugins``.

Lets verl synchronize weights with vLLM's CPU build.

That build packs linear layers for oneDNN and frees the weights they were made of, so that the next
synchronization finds nothing to write to. Plain linear layers on live weights are kept instead, on
the CPU only.
"""

from typing import Any

__all__ = ["register"]


def register() -> None:
    """Keep live weights; vLLM calls it in each of its processes before a model is loaded."""
    from vllm.platforms import current_platform

    if not current_platform.is_cpu():
        return
    import torch
    from vllm.model_executor.layers import utils

    def keep(layer: Any, remove_weight: bool) -> None:  # noqa: ARG001, FBT001 - vLLM's signature
        layer.cpu_linear = torch.nn.functional.linear

    utils.dispatch_cpu_unquantized_gemm = keep
