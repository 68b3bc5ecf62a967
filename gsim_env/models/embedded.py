"""The ``embedded`` back end: a small GGUF model in this process, through xllamacpp (llama.cpp), with continuous batching."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from gsim_env.errors import SimulatorError
from gsim_env.models.extras import loading, require
from gsim_env.models.protocol import Complete, Completion
from gsim_env.models.weights import customer_weights

__all__ = ["EmbeddedConfig", "EmbeddedModel"]


class EmbeddedConfig(BaseModel):
    """Settings of the embedded back end.

    Attributes:
        model: Path of a GGUF file; ``None`` for SmolLM2-135M merged with the adapter of the group in play.
        adapter: Folder of a LoRA to merge into the packaged base; set by the simulator from the group.
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
        """Return the back end; weights are loaded on first use."""
        return EmbeddedModel(self)


def usable_cpus() -> int:
    """Return how many CPUs this process may use; containers and schedulers often allow fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class EmbeddedModel:
    """llama.cpp in process. A text depends on its prompt, seed and settings, and not on what else is in the batch.

    That independence is measured, not promised: on the CPUs tested, each row of llama.cpp's matrix products is computed
    alike at any batch size. ``tests/test_determinism.py`` checks it.
    """

    def __init__(self, config: EmbeddedConfig) -> None:
        """Remember the settings."""
        self.config = config
        self._lock = Lock()
        self._threads = ThreadPoolExecutor(max_workers=config.parallel, thread_name_prefix="gsim-embedded")

    @cached_property
    def server(self) -> Any:
        """The xllamacpp server; its ``listening_address`` is an OpenAI-compatible endpoint on loopback."""
        engine = require("xllamacpp", "embedded")
        path = Path(self.config.model) if self.config.model else customer_weights(self.config.adapter)
        if not path.is_file():
            raise SimulatorError(f"There is no model at {path}. Give a GGUF file, or run: gsim models pull")
        params = engine.CommonParams()
        params.model.path = str(path)
        params.n_parallel = self.config.parallel
        params.n_ctx = self.config.parallel * self.config.context
        params.cpuparams.n_threads = self.config.threads or usable_cpus()
        params.verbosity = -1
        params.kv_unified = False
        with loading(f"{path.name} ({path.stat().st_size / 1e6:.0f} MB) into llama.cpp"):
            return engine.Server(params)

    async def acomplete(self, request: Complete) -> Completion:
        """Answer one request; concurrent ones are decoded together.

        Raises:
            SimulatorError: if llama.cpp reports an error (a prompt over ``context``, say).
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self.complete, request)

    def complete(self, request: Complete) -> Completion:
        """Answer one request, waiting for it; may be called from many threads."""
        with self._lock:
            server = self.server
        sampling = request.sampling
        body: dict[str, Any] = {
            "messages": request.messages,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": 0,
            "min_p": 0.0,
            "repeat_penalty": sampling.repetition_penalty,
            "max_tokens": sampling.max_tokens,
            "seed": request.seed,
            "cache_prompt": True,
        }
        if request.schema is not None:
            body["response_format"] = {"type": "json_schema", "json_schema": {"schema": request.schema}}
        answer = server.handle_chat_completions(body)
        if "choices" not in answer:
            raise SimulatorError(f"llama.cpp answered with an error: {answer.get('error', answer)}")
        usage = answer.get("usage", {})
        return Completion(
            answer["choices"][0]["message"]["content"] or "",
            usage.get("prompt_tokens", 0),
            usage.get("prompt_tokens_details", {}).get("cached_tokens", 0),
            usage.get("completion_tokens", 0),
        )
