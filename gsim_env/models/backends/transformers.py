"""The ``transformers`` backend: any causal language model with a chat template, in batches."""

from collections.abc import Sequence
from functools import cached_property
from itertools import groupby
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from gsim_env.errors import ConfigurationError
from gsim_env.models.batching import Batcher
from gsim_env.models.lora import check_adapter_not_quantized
from gsim_env.models.protocol import Completion, CompletionRequest, SamplingParams
from gsim_env.util.extras import import_optional_module, log_loading

__all__ = ["Config", "TransformersModel"]


class Config(BaseModel):
    """Settings of the transformers backend.

    Attributes:
        model: A hub name or a folder.
        adapter: Folder or hub name of a LoRA (peft), or ``None``.
        device: A torch device: ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        dtype: A torch dtype: ``bfloat16``, ``float32``, ...
        max_batch: Maximum number of requests in one ``generate`` call.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    adapter: str | None = None
    device: str = "cpu"
    dtype: str = "bfloat16"
    max_batch: int = Field(default=32, ge=1)

    def build(self) -> "TransformersModel":
        """Build the language model of these settings; it is loaded on first use."""
        return TransformersModel(self)


class TransformersModel:
    """Language model by transformers: answers pending requests in padded ``generate`` calls.

    Each request has its own random generator, so seeds do not touch torch's global state. Padding
    changes logits by rounding errors: a request in a batch may get another text than alone.
    """

    def __init__(self, config: Config) -> None:
        """Store the settings."""
        self.config = config
        self._batch = Batcher(self.complete_batch)

    async def acomplete(self, request: CompletionRequest) -> Completion:
        """Return one chat completion; concurrent requests share a ``generate`` call.

        Raises:
            ConfigurationError: if the request has a schema, which this backend cannot enforce.
        """
        if request.schema is not None:
            raise ConfigurationError(
                "The transformers backend cannot constrain an answer to a JSON schema. "
                "Use embedded, openai or vllm for the Manager."
            )
        return await self._batch(request)

    @cached_property
    def _engine(self) -> tuple[Any, Any]:
        """The tokenizer and the model."""
        torch = import_optional_module("torch", "transformers")
        transformers = import_optional_module("transformers", "transformers")
        name = self.config.model
        if self.config.adapter is not None:
            check_adapter_not_quantized(self.config.adapter)

        with log_loading(f"{name} with transformers"):
            tokenizer = transformers.AutoTokenizer.from_pretrained(name, padding_side="left")
            if tokenizer.pad_token is None:
                tokenizer.pad_token = tokenizer.eos_token

            dtype = getattr(torch, self.config.dtype)
            model = transformers.AutoModelForCausalLM.from_pretrained(name, dtype=dtype)
            if self.config.adapter is not None:
                peft = import_optional_module("peft", "transformers")
                model = peft.PeftModel.from_pretrained(model, self.config.adapter)
            return tokenizer, model.to(self.config.device).eval()

    def complete_batch(self, requests: Sequence[CompletionRequest]) -> list[Completion]:
        """Return the completions of chat requests, in order.

        Consecutive requests with equal sampling parameters form batches of at most ``max_batch``.
        """
        answers: list[Completion] = []
        for _, alike in groupby(requests, key=lambda request: request.sampling):
            group = list(alike)
            for start in range(0, len(group), self.config.max_batch):
                answers += self._generate(group[start : start + self.config.max_batch])
        return answers

    def _generate(self, requests: Sequence[CompletionRequest]) -> list[Completion]:
        """Answer one batch; all requests have the first one's sampling parameters."""
        torch = import_optional_module("torch", "transformers")
        tokenizer, model = self._engine
        prompts = [
            tokenizer.apply_chat_template(
                request.messages, tokenize=False, add_generation_prompt=True
            )
            for request in requests
        ]
        inputs = tokenizer(prompts, return_tensors="pt", padding=True, add_special_tokens=False)
        inputs = inputs.to(self.config.device)

        sampling = requests[0].sampling
        seeds = [request.seed for request in requests]
        with torch.inference_mode():
            output = model.generate(
                **inputs,
                do_sample=False,  # a processor samples, with one generator per request
                max_new_tokens=sampling.max_tokens,
                logits_processor=_logits_processors(sampling, seeds),
                tokenizer=tokenizer,
                stop_strings=["<|im_end|>"] if "<|im_end|>" in tokenizer.get_vocab() else None,
                pad_token_id=tokenizer.pad_token_id,
            )

        lengths = inputs["attention_mask"].sum(dim=1).tolist()
        width = inputs["input_ids"].shape[1]
        texts = tokenizer.batch_decode(output[:, width:], skip_special_tokens=True)
        return [Completion(text, int(length)) for text, length in zip(texts, lengths, strict=True)]


def _logits_processors(sampling: SamplingParams, seeds: Sequence[int]) -> Any:
    """Return the processors that make greedy decoding a seeded draw."""
    transformers = import_optional_module("transformers", "transformers")
    processors = [transformers.RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty)]
    if sampling.temperature > 0:
        processors += [
            transformers.TemperatureLogitsWarper(sampling.temperature),
            transformers.TopPLogitsWarper(sampling.top_p),
            _gumbel_noise(seeds),
        ]
    return transformers.LogitsProcessorList(processors)


def _gumbel_noise(seeds: Sequence[int]) -> Any:
    """Return a logits processor that turns greedy decoding into sampling (the Gumbel-max trick).

    argmax(logits + Gumbel noise) is distributed as softmax(logits).
    """
    torch = import_optional_module("torch", "transformers")
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def add_noise(_: Any, scores: Any) -> Any:
        rows = [torch.rand(scores.shape[-1], generator=generator) for generator in generators]
        noise = torch.stack(rows).clamp_min(1e-20)
        return scores - torch.log(-torch.log(noise)).to(scores)

    return add_noise
