"""The ``embedded`` backend.

A small GGUF model in this process, through xllamacpp (llama.cpp), in batches.
"""

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
from gsim_env.models.protocol import Complete, Completion
from gsim_env.models.weights import customer_weights, pull_base
from gsim_env.util.extras import loading, require

__all__ = ["EmbeddedConfig", "EmbeddedModel"]


BASE = "base"
"""Names the packaged model without any adapter."""


PROMPTS_KEPT = 1024
"""MiB for prompts of calls that have no slot just now; llama.cpp itself takes 8 GiB."""


class EmbeddedConfig(BaseModel):
    """Settings of the embedded backend.

    Attributes:
        model: Path of a GGUF file; ``"base"`` for the packaged SmolLM2-135M as it is; ``None`` for
            that model merged with the adapter of the group in play.
        adapter: Folder of a LoRA to merge into the packaged base; set by the simulator from the
            group.
        parallel: Calls decoded in one batch.
        context: Tokens of one call, prompt and answer.
        threads: CPU threads; ``None`` for all that this process may use.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str | None = None
    adapter: str | None = None
    parallel: int = Field(default=16, ge=1)
    context: int = Field(default=4096, ge=256)
    threads: int | None = Field(default=None, ge=1)

    def build(self) -> "EmbeddedModel":
        """Return the backend; weights are loaded on first use."""
        return EmbeddedModel(self)


def usable_cpus() -> int:
    """Return how many CPUs this process may use.

    Containers and schedulers often allow fewer than there are.
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class EmbeddedModel:
    """llama.cpp in process. What is pending at the same time is decoded as one batch.

    A batch is handed over in one piece and in order, so the same batches give the same texts.
    Another composition of the batch may not: llama.cpp's products of one row and of many differ in
    the last bits, and now and then that turns a word. A batch draws from one seed, its first
    request's.
    """

    def __init__(self, config: EmbeddedConfig) -> None:
        """Remember the settings."""
        self.config = config
        self._lock = Lock()
        self._batch = Batcher(self.complete)

    @cached_property
    def _path(self) -> Path:
        model = self.config.model
        path = (
            customer_weights(self.config.adapter)
            if model is None
            else pull_base()
            if model == BASE
            else Path(model)
        )
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
        engine = require("xllamacpp", "embedded")
        params = engine.CommonParams()
        params.model.path = str(self._path)
        params.n_parallel = self.config.parallel
        params.n_ctx = self.config.parallel * self.config.context
        params.cpuparams.n_threads = self.config.threads or usable_cpus()
        params.verbosity = -1
        params.kv_unified = False
        params.cache_ram_mib = PROMPTS_KEPT
        params.endpoint_metrics = True  # counts of tokens processed and predicted, for whoever asks
        with loading(
            f"{self._path.name} ({self._path.stat().st_size / 1e6:.0f} MB) into llama.cpp"
        ):
            return engine.Server(params)

    def forget(self) -> None:
        """Put the weights and all that was decoded out of memory.

        The next request loads the weights anew.
        """
        with self._lock:
            self.__dict__.pop("server", None)

    @cached_property
    def _template(self) -> Any:
        """The chat template that the GGUF carries, rendered as transformers does."""
        sandbox = require("jinja2.sandbox", "embedded")
        fields = require("gguf", "embedded").GGUFReader(str(self._path)).fields
        if "tokenizer.chat_template" not in fields:
            raise SimulatorError(
                f"{self._path} has no chat template. Use an instruction-tuned model."
            )
        environment = sandbox.ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        return environment.from_string(fields["tokenizer.chat_template"].contents())

    async def acomplete(self, request: Complete) -> Completion:
        """Answer one request; concurrent ones are decoded together.

        Raises:
            SimulatorError: if llama.cpp reports an error (a prompt over ``context``, say).
        """
        return await self._batch(request)

    def prompt(self, request: Complete) -> str:
        """Return the text that the model continues."""
        return str(self._template.render(messages=request.messages, add_generation_prompt=True))

    def complete(self, requests: Sequence[Complete]) -> list[Completion]:
        """Answer requests in order.

        Those of the same sampling settings and schema, one after the other, as one batch.
        """
        with self._lock:
            return [
                answer
                for _, alike in groupby(
                    requests, key=lambda request: (request.sampling, json.dumps(request.schema))
                )
                for answer in self._decode(list(alike))
            ]

    def _decode(self, requests: Sequence[Complete]) -> list[Completion]:
        sampling, schema = requests[0].sampling, requests[0].schema
        body: dict[str, Any] = {
            "prompt": [self.prompt(request) for request in requests],
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": 0,
            "min_p": 0.0,
            "repeat_penalty": sampling.repetition_penalty,
            "max_tokens": sampling.max_tokens,
            "seed": requests[0].seed,
            "cache_prompt": True,
        }
        if schema is not None:
            body["json_schema"] = schema
        answer = self.server.handle_completions(body)
        if "choices" not in answer or len(answer["choices"]) != len(requests):
            raise SimulatorError(f"llama.cpp answered with an error: {answer.get('error', answer)}")
        texts = [
            choice["text"]
            for choice in sorted(answer["choices"], key=lambda choice: choice["index"])
        ]
        if len(texts) > 1:  # the usage that comes with a batch is its first request's
            return [Completion(text) for text in texts]
        usage = answer["usage"]
        cached = usage.get("prompt_tokens_details", {}).get("cached_tokens", 0)
        return [Completion(texts[0], usage["prompt_tokens"], cached, usage["completion_tokens"])]
