"""A tiny random Llama model, the same on every call."""

from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM


def tiny_llama(**settings: Any) -> LlamaForCausalLM:
    """Return a two-layer model with random weights; ``settings`` go to its ``LlamaConfig``."""
    torch.manual_seed(0)
    config = LlamaConfig(
        num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1, **settings
    )
    return LlamaForCausalLM(config)
