"""The ``embedded`` backend: a small GGUF model in this process, by xllamacpp (llama.cpp)."""

import json
import os
from collections.abc import Sequence
from functools import cached_property
from itertools import groupby
from pathlib import Path
from threading import Lock
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from gsim_env.errors import SimulatorError
from gsim_env.models.batching import Batcher
from gsim_env.models.protocol import Completion, CompletionRequest, SamplingParams
from gsim_env.models.weights import customer_gguf_path, pull_base_model
from gsim_env.util.extras import import_optional_module, log_loading

__all__ = ["Config", "EmbeddedModel"]

BASE = "base"
"""Name of the packaged model without an adapter."""

PROMPT_CACHE_MIB = 1024
"""Memory for prompts of calls without a slot, in MiB; llama.cpp's default is 8 GiB."""


class Config(BaseModel):
    """Settings of the embedded backend.

    Attributes:
        model: Path of a GGUF file; ``"base"`` for the packaged SmolLM2-135M without an adapter;
            ``None`` for that model merged with the adapter of the group.
        adapter: Folder of a LoRA to merge into the packaged base; the simulator sets it from the
            group.
        parallel: Maximum number of requests decoded in one batch.
        context: Maximum number of tokens per request, prompt and answer.
        threads: CPU threads; ``None`` for all CPUs that this process may use.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str | None = None
    adapter: str | None = None
    parallel: int = Field(default=16, ge=1)
    context: int = Field(default=4096, ge=256)
    threads: int | None = Field(default=None, ge=1)

    def build(self) -> "EmbeddedModel":
        """Build the language model of these settings; weights are loaded on first use."""
        return EmbeddedModel(self)


def _usable_cpus() -> int:
    """Return the number of CPUs that this process may use.

    Containers and schedulers often allow fewer than the machine has.
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class EmbeddedModel:
    """Language model in this process: decodes pending requests as one batch with llama.cpp.

    Equal batches give equal texts. Another composition of the batch may not: llama.cpp's matrix
    products differ in the last bits with the batch size, which sometimes changes a word. A batch
    samples with one seed, that of its first request.
    """

    def __init__(self, config: Config) -> None:
        """Store the settings."""
        self.config = config
        self._lock = Lock()
        self._batch = Batcher(self.complete_batch)

    @cached_property
    def _path(self) -> Path:
        if self.config.model is None:
            path = customer_gguf_path(self.config.adapter)
        elif self.config.model == BASE:
            path = pull_base_model()
        else:
            path = Path(self.config.model)

        if not path.is_file():
            raise SimulatorError(
                f"There is no model at {path}. Give a GGUF file, or run: gsim models pull"
            )
        return path

    @cached_property
    def server(self) -> Any:
        """The xllamacpp server.

        Its ``listening_address`` is an OpenAI-compatible endpoint on loopback.
        """
        engine = import_optional_module("xllamacpp", "embedded")
        params = engine.CommonParams()
        params.model.path = str(self._path)
        params.n_parallel = self.config.parallel
        params.n_ctx = self.config.parallel * self.config.context
        params.cpuparams.n_threads = self.config.threads or _usable_cpus()
        params.verbosity = -1
        params.kv_unified = False
        params.cache_ram_mib = PROMPT_CACHE_MIB
        params.endpoint_metrics = True  # token counts, for benchmarks

        with log_loading(
            f"{self._path.name} ({self._path.stat().st_size / 1e6:.0f} MB) into llama.cpp"
        ):
            return engine.Server(params)

    def unload(self) -> None:
        """Free the weights and the prompt cache; the next request loads the weights again."""
        with self._lock:
            self.__dict__.pop("server", None)

    @cached_property
    def _template(self) -> Any:
        """The chat template of the GGUF, rendered as transformers does."""
        sandbox = import_optional_module("jinja2.sandbox", "embedded")
        fields = import_optional_module("gguf", "embedded").GGUFReader(str(self._path)).fields
        if "tokenizer.chat_template" not in fields:
            raise SimulatorError(
                f"{self._path} has no chat template. Use an instruction-tuned model."
            )

        environment = sandbox.ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        return environment.from_string(fields["tokenizer.chat_template"].contents())

    async def acomplete(self, request: CompletionRequest) -> Completion:
        """Return one chat completion; concurrent requests are decoded in one batch.

        Raises:
            SimulatorError: if llama.cpp reports an error (for instance a prompt over ``context``).
        """
        return await self._batch(request)

    def render_prompt(self, request: CompletionRequest) -> str:
        """Return the prompt of a chat request, rendered with the chat template."""
        return str(self._template.render(messages=request.messages, add_generation_prompt=True))

    def complete_batch(self, requests: Sequence[CompletionRequest]) -> list[Completion]:
        """Return the completions of chat requests, in order.

        Consecutive requests with equal sampling parameters and schema form one batch.
        """
        answers: list[Completion] = []
        with self._lock:
            for _, batch in groupby(requests, key=_batch_key):
                answers += self._decode(list(batch))
        return answers

    def _decode(self, requests: Sequence[CompletionRequest]) -> list[Completion]:
        """Decode one batch; all requests have the first one's sampling parameters and schema."""
        answer = self.server.handle_completions(self._body(requests))
        choices = answer.get("choices", ())
        if len(choices) != len(requests):
            raise SimulatorError(f"llama.cpp answered with an error: {answer.get('error', answer)}")

        choices = sorted(choices, key=lambda choice: int(choice["index"]))
        if len(choices) > 1:  # llama.cpp reports the usage of a batch's first request only
            return [Completion(choice["text"]) for choice in choices]

        usage = answer["usage"]
        cached = usage.get("prompt_tokens_details", {}).get("cached_tokens", 0)
        tokens = usage["prompt_tokens"], cached, usage["completion_tokens"]
        return [Completion(choices[0]["text"], *tokens)]

    def _body(self, requests: Sequence[CompletionRequest]) -> dict[str, Any]:
        """Return the body of a llama.cpp completion request."""
        first = requests[0]
        body: dict[str, Any] = {
            "prompt": [self.render_prompt(request) for request in requests],
            "temperature": first.sampling.temperature,
            "top_p": first.sampling.top_p,
            "top_k": 0,
            "min_p": 0.0,
            "repeat_penalty": first.sampling.repetition_penalty,
            "max_tokens": first.sampling.max_tokens,
            "seed": first.seed,
            "cache_prompt": True,
        }

        if first.schema is not None:
            body["json_schema"] = first.schema
        return body


def _batch_key(request: CompletionRequest) -> tuple[SamplingParams, str]:
    """Return what the requests of a batch share."""
    return request.sampling, json.dumps(request.schema)
