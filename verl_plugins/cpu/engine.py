"""verl's FSDP engine for the device "cpu", with shared-prefix batches."""

import os
from typing import Any
from unittest.mock import patch

import torch
from verl.utils import tensordict_utils
from verl.utils.torch_functional import entropy_from_logits, logprobs_from_logits
from verl.workers.engine import EngineRegistry
from verl.workers.engine.fsdp import transformer_impl
from verl.workers.engine.fsdp.transformer_impl import FSDPEngineWithLMHead

from verl_plugins.cpu.shared_prefix import SharedPrefixBatch, pack_shared_prefixes

__all__ = ["CpuFSDPEngine", "register_cpu_engine"]


class CpuFSDPEngine(FSDPEngineWithLMHead):
    """verl FSDP engine for a CPU: packs micro-batches by shared prompt, without pinned memory."""

    def initialize(self) -> None:
        """Build model and optimizer, and use all cores: Ray limits a worker to one thread."""
        torch.set_num_threads(os.cpu_count() or 1)
        super().initialize()

    def _build_fsdp_module(self, module: Any) -> Any:
        # verl offloads the reference model with pinned memory, which needs an accelerator.
        with patch.object(transformer_impl, "CPUOffloadPolicy", lambda **_: None):
            return super()._build_fsdp_module(module)

    def prepare_model_inputs(self, micro_batch: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return a micro-batch's model inputs and the arguments for ``prepare_model_outputs``.

        Micro-batches of supervised fine-tuning have no responses; verl's engine prepares them.
        """
        if "responses" not in micro_batch:
            return super().prepare_model_inputs(micro_batch)

        prompts = micro_batch["prompts"].unbind()
        responses = micro_batch["responses"].unbind()
        packed = pack_shared_prefixes(prompts, responses)
        inputs = {
            "input_ids": packed.input_ids,
            "position_ids": packed.position_ids,
            "attention_mask": packed.mask,
            "logits_to_keep": packed.predicted_at,
        }
        lengths = [[len(p), len(r)] for p, r in zip(prompts, responses, strict=True)]
        return inputs, {"packed": packed, "lengths": torch.tensor(lengths)}

    def prepare_model_outputs(
        self, output: Any, output_args: dict[str, Any], micro_batch: Any, logits_processor_func: Any
    ) -> dict[str, torch.Tensor]:
        """Return token log-probabilities and, if requested, entropy and sum of squares.

        Each is a nested tensor (rows, prompt and response tokens), as verl's engine returns it,
        with 0 at positions that predict no response token.
        """
        if "packed" not in output_args:
            return super().prepare_model_outputs(
                output, output_args, micro_batch, logits_processor_func
            )

        packed: SharedPrefixBatch = output_args["packed"]
        lengths: torch.Tensor = output_args["lengths"]
        temperature = torch.as_tensor(micro_batch["temperature"], dtype=torch.float32)
        row_temperatures = temperature.expand(len(lengths))
        logits = output.logits[0].float() / row_temperatures[packed.rows, None]

        outputs = {"log_probs": _unpack_rows(logprobs_from_logits(logits, packed.labels), lengths)}
        if _is_output_requested(micro_batch, "calculate_entropy"):
            outputs["entropy"] = _unpack_rows(entropy_from_logits(logits), lengths)
        if _is_output_requested(micro_batch, "calculate_sum_pi_squared"):
            squares = logits.softmax(dim=-1).square().sum(dim=-1)
            outputs["sum_pi_squared"] = _unpack_rows(squares, lengths)
        return outputs


def _unpack_rows(values: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Place values of response tokens in a nested tensor of prompts and responses.

    Args:
        values: One value per response token, row after row, shape (R,).
        lengths: Prompt and response tokens of each row, shape (rows, 2).

    Returns:
        Nested (rows, tokens); the value of a response token is at the position that predicts it.
    """
    offsets = torch.nn.functional.pad(lengths.sum(dim=1).cumsum(dim=0), (1, 0))
    starts = offsets[:-1] + lengths[:, 0] - 1
    positions = [
        torch.arange(int(size)) + start for start, size in zip(starts, lengths[:, 1], strict=True)
    ]
    flat = torch.zeros(int(offsets[-1])).index_copy(0, torch.cat(positions), values)
    return torch.nested.nested_tensor_from_jagged(flat, offsets)


def _is_output_requested(micro_batch: Any, key: str) -> bool:
    """Return whether a micro-batch's flag ``key`` requests an optional output."""
    return bool(tensordict_utils.get_non_tensor_data(data=micro_batch, key=key, default=False))


def register_cpu_engine() -> None:
    """Register :class:`CpuFSDPEngine` with verl for the device "cpu", once."""
    if "cpu" not in EngineRegistry._engines["language_model"]["fsdp2"]:
        EngineRegistry.register(
            model_type="language_model", backend=["fsdp", "fsdp2"], device="cpu"
        )(CpuFSDPEngine)
