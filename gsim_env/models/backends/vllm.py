"""The ``vllm`` backend: vLLM in this process; for a vLLM server use the ``openai`` backend."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict

from gsim_env.models.batching import Batcher
from gsim_env.models.lora import check_adapter_not_quantized
from gsim_env.models.protocol import Completion, CompletionRequest
from gsim_env.util.extras import import_optional_module, log_loading

__all__ = ["Config", "VLLMModel"]


class Config(BaseModel):
    """Settings of the vLLM backend.

    Attributes:
        model: A hub name or a folder.
        adapter: Folder of a LoRA (peft), or ``None``.
        engine: Further arguments of ``vllm.LLM``, such as ``{"max_model_len": 4096,
            "gpu_memory_utilization": 0.5}``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    adapter: str | None = None
    engine: dict[str, Any] = {}

    def build(self) -> "VLLMModel":
        """Build the language model of these settings; vLLM starts on first use."""
        return VLLMModel(self)


class VLLMModel:
    """Language model by vLLM in this process: one ``vllm.LLM.chat`` call for pending requests."""

    def __init__(self, config: Config) -> None:
        """Store the settings."""
        self.config = config
        self._batch = Batcher(self.complete_batch)

    async def acomplete(self, request: CompletionRequest) -> Completion:
        """Return one chat completion; concurrent requests go to vLLM in one call."""
        return await self._batch(request)

    @cached_property
    def _engine(self) -> Any:
        vllm = import_optional_module("vllm", "vllm")
        if self.config.adapter is not None:
            check_adapter_not_quantized(self.config.adapter)
        options = {
            "enable_prefix_caching": True,
            "enable_lora": self.config.adapter is not None,
            **self.config.engine,
        }
        with log_loading(f"{self.config.model} with vLLM"):
            return vllm.LLM(model=self.config.model, **options)

    def complete_batch(self, requests: Sequence[CompletionRequest]) -> list[Completion]:
        """Return the completions of chat requests, in order, by one vLLM call."""
        vllm = import_optional_module("vllm", "vllm")
        lora = None
        if self.config.adapter is not None:
            lora = import_optional_module("vllm.lora.request", "vllm").LoRARequest(
                "adapter", 1, self.config.adapter
            )

        outputs = self._engine.chat(
            [request.messages for request in requests],
            [self._sampling(vllm, request) for request in requests],
            use_tqdm=False,
            lora_request=lora,
        )

        return [
            Completion(
                output.outputs[0].text,
                len(output.prompt_token_ids),
                output.num_cached_tokens or 0,
                len(output.outputs[0].token_ids),
            )
            for output in outputs
        ]

    @staticmethod
    def _sampling(vllm: Any, request: CompletionRequest) -> Any:
        options: dict[str, Any] = {}
        if request.schema is not None:
            constraint = import_optional_module(
                "vllm.sampling_params", "vllm"
            ).StructuredOutputsParams(json=dict(request.schema))
            options["structured_outputs"] = constraint
        return vllm.SamplingParams(seed=request.seed, **request.sampling.model_dump(), **options)
