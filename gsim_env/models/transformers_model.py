"""The ``transformers`` backend.

Any causal language model with a chat template, batched, on any device torch knows.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from gsim_env.errors import ConfigurationError
from gsim_env.models.batching import Batcher
from gsim_env.models.lora import check_peft_loads
from gsim_env.models.protocol import Complete, Completion
from gsim_env.util.extras import loading, require

__all__ = ["TransformersConfig", "TransformersModel"]


class TransformersConfig(BaseModel):
    """Settings of a model run by transformers.

    Attributes:
        model: A hub name or a folder.
        adapter: Folder or hub name of a LoRA (peft), or ``None``.
        device: As torch names it: ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        dtype: As torch names it: ``bfloat16``, ``float32``, ...
        max_batch: Requests in one ``generate`` call at most.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    adapter: str | None = None
    device: str = "cpu"
    dtype: str = "bfloat16"
    max_batch: int = Field(default=32, ge=1)

    def build(self) -> "TransformersModel":
        """Return the backend; the model is loaded on first use."""
        return TransformersModel(self)


class TransformersModel:
    """``generate`` over padded batches.

    Each request draws from a generator of its own, so seeds do not touch global state.

    In a batch, padding moves logits by rounding errors, so a text may differ from the one it would
    be alone.
    """

    def __init__(self, config: TransformersConfig) -> None:
        """Remember the settings."""
        self.config = config
        self._batch = Batcher(self.complete)

    async def acomplete(self, request: Complete) -> Completion:
        """Answer one request; concurrent ones share a ``generate`` call.

        Raises:
            ConfigurationError: if the request has a schema, which this backend cannot hold a model
                to.
        """
        if request.schema is not None:
            raise ConfigurationError(
                "The transformers backend cannot constrain an answer to a JSON schema. Use embedded, openai or vllm "
                "for the Manager."
            )
        return await self._batch(request)

    @cached_property
    def _engine(self) -> tuple[Any, Any]:
        torch, transformers = (
            require("torch", "transformers"),
            require("transformers", "transformers"),
        )
        with loading(f"{self.config.model} with transformers"):
            tokenizer = transformers.AutoTokenizer.from_pretrained(
                self.config.model, padding_side="left"
            )
            model = transformers.AutoModelForCausalLM.from_pretrained(
                self.config.model, dtype=getattr(torch, self.config.dtype)
            )
            if self.config.adapter is not None:
                check_peft_loads(self.config.adapter)
                model = require("peft", "transformers").PeftModel.from_pretrained(
                    model, self.config.adapter
                )
            if tokenizer.pad_token is None:
                tokenizer.pad_token = tokenizer.eos_token
            return tokenizer, model.to(self.config.device).eval()

    def complete(self, requests: Sequence[Complete]) -> list[Completion]:
        """Answer requests in batches of those that share their sampling settings, in order."""
        answers: list[Completion] = []
        start = 0
        while start < len(requests):
            same = 1
            while (
                same < self.config.max_batch
                and start + same < len(requests)
                and requests[start + same].sampling == requests[start].sampling
            ):
                same += 1
            answers += self._generate(requests[start : start + same])
            start += same
        return answers

    def _generate(self, requests: Sequence[Complete]) -> list[Completion]:
        torch, transformers = (
            require("torch", "transformers"),
            require("transformers", "transformers"),
        )
        tokenizer, model = self._engine
        prompts = [
            tokenizer.apply_chat_template(
                request.messages, tokenize=False, add_generation_prompt=True
            )
            for request in requests
        ]
        inputs = tokenizer(prompts, return_tensors="pt", padding=True, add_special_tokens=False).to(
            self.config.device
        )
        sampling = requests[0].sampling
        processors = [transformers.RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty)]
        if sampling.temperature > 0:
            processors += [
                transformers.TemperatureLogitsWarper(sampling.temperature),
                transformers.TopPLogitsWarper(sampling.top_p),
                _gumbel([request.seed for request in requests]),
            ]
        with torch.inference_mode():
            output = model.generate(
                **inputs,
                do_sample=False,
                max_new_tokens=sampling.max_tokens,
                logits_processor=transformers.LogitsProcessorList(processors),
                tokenizer=tokenizer,
                stop_strings=["<|im_end|>"] if "<|im_end|>" in tokenizer.get_vocab() else None,
                pad_token_id=tokenizer.pad_token_id,
            )
        lengths = inputs["attention_mask"].sum(dim=1).tolist()
        width = inputs["input_ids"].shape[1]
        texts = tokenizer.batch_decode(output[:, width:], skip_special_tokens=True)
        return [Completion(text, int(length)) for text, length in zip(texts, lengths, strict=True)]


def _gumbel(seeds: Sequence[int]) -> Any:
    """Return a logits processor that makes greedy choice a draw.

    Argmax(logits + Gumbel noise) ~ softmax(logits).
    """
    torch = require("torch", "transformers")
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def add_noise(_: Any, scores: Any) -> Any:
        noise = torch.stack(
            [torch.rand(scores.shape[-1], generator=generator) for generator in generators]
        )
        return scores - torch.log(-torch.log(noise.clamp_min(1e-20))).to(scores)

    return add_noise
