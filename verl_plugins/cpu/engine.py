"""verl's FSDP engine for the device "cpu": prompts that samples share are read once (``comb``)."""

import os
from typing import Any
from unittest.mock import patch

import torch
from verl.utils import tensordict_utils
from verl.utils.torch_functional import entropy_from_logits, logprobs_from_logits
from verl.workers.engine import EngineRegistry
from verl.workers.engine.fsdp import transformer_impl
from verl.workers.engine.fsdp.transformer_impl import FSDPEngineWithLMHead

from verl_plugins.cpu.shared_prefix import comb

__all__ = ["CpuFSDPEngine", "register"]


class CpuFSDPEngine(FSDPEngineWithLMHead):
    """The engine, laying a micro-batch out as a comb, without pinned memory, which is for accelerators."""

    def initialize(self) -> None:
        """Build model and optimizer, for all the processors: Ray leaves a worker one of them."""
        torch.set_num_threads(os.cpu_count() or 1)
        super().initialize()

    def _build_fsdp_module(self, module: Any) -> Any:
        with patch.object(
            transformer_impl, "CPUOffloadPolicy", lambda **_: None
        ):  # a reference model is off-loaded by it
            return super()._build_fsdp_module(module)

    def prepare_model_inputs(self, micro_batch: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Lay out a micro-batch of prompts and responses.

        One of supervised training, which has none, is left to verl.
        """
        if "responses" not in micro_batch:
            return super().prepare_model_inputs(micro_batch)
        prompts, responses = micro_batch["prompts"].unbind(), micro_batch["responses"].unbind()
        laid = comb(prompts, responses)
        inputs = {
            "input_ids": laid.input_ids,
            "position_ids": laid.position_ids,
            "attention_mask": laid.mask,
            "logits_to_keep": laid.predicted_at,
        }
        return inputs, {
            "comb": laid,
            "lengths": torch.tensor(
                [[len(p), len(r)] for p, r in zip(prompts, responses, strict=True)]
            ),
        }

    def prepare_model_outputs(
        self, output: Any, output_args: dict[str, Any], micro_batch: Any, logits_processor_func: Any
    ) -> dict[str, torch.Tensor]:
        """Return what verl's engine does.

        Nested (rows, tokens), here 0 where no response token is predicted.
        """
        if "comb" not in output_args:
            return super().prepare_model_outputs(
                output, output_args, micro_batch, logits_processor_func
            )
        laid, lengths = output_args["comb"], output_args["lengths"]
        temperature = torch.as_tensor(micro_batch["temperature"], dtype=torch.float32).expand(
            len(lengths)
        )
        logits = output.logits[0].float() / temperature[laid.rows, None]
        offsets = torch.nn.functional.pad(lengths.sum(dim=1).cumsum(dim=0), (1, 0))
        first = (
            offsets[:-1] + lengths[:, 0] - 1
        )  # where the first token of each response is predicted
        places = torch.cat(
            [
                torch.arange(int(size)) + start
                for start, size in zip(first, lengths[:, 1], strict=True)
            ]
        )

        def nested(values: torch.Tensor) -> torch.Tensor:
            whole = torch.zeros(int(offsets[-1])).index_copy(0, places, values)
            return torch.nested.nested_tensor_from_jagged(whole, offsets)

        outputs = {"log_probs": nested(logprobs_from_logits(logits, laid.labels))}
        if tensordict_utils.get_non_tensor_data(
            data=micro_batch, key="calculate_entropy", default=False
        ):
            outputs["entropy"] = nested(entropy_from_logits(logits))
        if tensordict_utils.get_non_tensor_data(
            data=micro_batch, key="calculate_sum_pi_squared", default=False
        ):
            outputs["sum_pi_squared"] = nested(logits.softmax(dim=-1).square().sum(dim=-1))
        return outputs


def register() -> None:
    """Make the engine known to verl."""
    if "cpu" not in EngineRegistry._engines["language_model"]["fsdp2"]:
        EngineRegistry.register(
            model_type="language_model", backend=["fsdp", "fsdp2"], device="cpu"
        )(CpuFSDPEngine)
