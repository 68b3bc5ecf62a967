"""Rollouts by transformers.

The rollout named "transformers", for machines that vLLM and SGLang do not run on.

``TransformersReplica`` starts a server as a Ray actor beside the worker that trains;
``TransformersAdapter`` lives in that worker and hands the server its weights after each step.
Contracts: ``verl.workers.rollout``, verl 0.9.1.
"""

import asyncio
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import ray
import torch
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
from verl.plugin.platform import get_platform
from verl.utils.device import get_resource_name
from verl.workers.rollout import base
from verl.workers.rollout.base import BaseRollout
from verl.workers.rollout.replica import RolloutReplica, RolloutReplicaRegistry, TokenOutput

__all__ = ["Sampler", "TransformersAdapter", "TransformersReplica", "register"]

GATHER_SECONDS = 0.02
"""How long the server waits for more requests before it runs a batch."""


class Drawing(NamedTuple):
    """How tokens are drawn; requests that agree in it run as one batch."""

    temperature: float
    top_p: float
    top_k: int
    max_tokens: int


class Sampler:
    """Samples continuations of token ids from a causal language model, in batches.

    Args:
        model: Of transformers, in evaluation mode.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        config = model.generation_config
        ends = config.eos_token_id
        self._ends = set(ends if isinstance(ends, list) else [ends])
        self._pad = next(iter(self._ends)) if config.pad_token_id is None else config.pad_token_id

    @torch.no_grad()
    def __call__(
        self, prompts: Sequence[Sequence[int]], drawing: Drawing
    ) -> list[tuple[list[int], list[float]]]:
        """Return for each prompt the drawn ids, up to and with the end token, and the
        log-probability of each.

        Log-probabilities are of the distribution drawn from, with its temperature, as verl's actor
        computes them (for ``top_p`` 1 and ``top_k`` -1). Prompts that are equal, as in a GRPO
        group, are read once.
        """
        distinct = list(dict.fromkeys(map(tuple, prompts)))
        rows = torch.tensor([distinct.index(tuple(prompt)) for prompt in prompts])
        width = max(map(len, distinct))
        device = self.model.device
        ids = torch.tensor(
            [[self._pad] * (width - len(p)) + list(p) for p in distinct], device=device
        )
        seen = torch.tensor(
            [[0] * (width - len(p)) + [1] * len(p) for p in distinct], device=device
        )
        cache = None
        if width > 1 and len(distinct) < len(prompts):
            cache = self.model(
                input_ids=ids[:, :-1],
                attention_mask=seen[:, :-1],
                position_ids=(seen.cumsum(-1) - 1).clamp(min=0)[:, :-1],
                use_cache=True,
                logits_to_keep=1,
            ).past_key_values
            cache.batch_select_indices(rows.to(device))
        how: dict[str, Any] = {"do_sample": False}
        if drawing.temperature > 0:
            top_k = max(drawing.top_k, 0)  # verl says -1 where transformers says 0
            how = {
                "do_sample": True,
                "temperature": drawing.temperature,
                "top_p": drawing.top_p,
                "top_k": top_k,
            }
        out = self.model.generate(
            input_ids=ids[rows],
            attention_mask=seen[rows],
            past_key_values=cache,
            max_new_tokens=drawing.max_tokens,
            return_dict_in_generate=True,
            output_scores=True,
            pad_token_id=self._pad,
            **how,
        )
        drawn = out.sequences[:, width:]
        scores = torch.stack(out.scores, dim=1).float().log_softmax(dim=-1)
        chances = scores.gather(-1, drawn[..., None])[..., 0]
        return [
            self._ended(own, chance)
            for own, chance in zip(drawn.tolist(), chances.tolist(), strict=True)
        ]

    def _ended(self, ids: list[int], chances: list[float]) -> tuple[list[int], list[float]]:
        end = next((place + 1 for place, token in enumerate(ids) if token in self._ends), len(ids))
        return ids[:end], chances[:end]


class TransformersServer:
    """The Ray actor that generates.

    Gathers requests into batches, and takes new weights between them.
    """

    def __init__(
        self,
        path: str,
        dtype: str,
        lengths: tuple[int, int],
        max_batch: int,
        seed: int,
        devices: str,
    ) -> None:
        os.environ[get_platform().visible_devices_envvar()] = devices  # shares the trainer's device
        from transformers import AutoModelForCausalLM

        torch.manual_seed(seed)
        torch.set_num_threads(os.cpu_count() or 1)
        where = "cuda" if torch.cuda.is_available() else "cpu"
        model: Any = AutoModelForCausalLM.from_pretrained(
            path, dtype=getattr(torch, dtype), attn_implementation="sdpa"
        )
        self._sample = Sampler(model.to(where).eval())
        self._prompt_length, self._response_length = lengths
        self._max_batch = max_batch
        self._global_steps: int | None = None
        self._waiting: asyncio.Queue[tuple[list[int], Drawing, asyncio.Future[Any]]] = (
            asyncio.Queue()
        )
        self._busy = asyncio.Lock()
        self._serving: asyncio.Task[None] | None = None

    async def ready(self) -> bool:
        """Answer when the model is loaded."""
        return True

    async def load_weights(
        self, weights: dict[str, torch.Tensor], global_steps: int | None
    ) -> None:
        """Take the policy's weights.

        Raises:
            ValueError: if names are not the model's. A tied output layer may be left out.
        """
        async with self._busy:
            missing, strange = self._sample.model.load_state_dict(weights, strict=False)
            missing = [name for name in missing if "lm_head" not in name]
            if missing or strange:
                raise ValueError(
                    f"Weights do not fit the rollout model: missing {missing[:3]}, unknown {strange[:3]}."
                )
            self._global_steps = global_steps

    async def generate(
        self, prompt_ids: list[int], sampling_params: dict[str, Any], **_: Any
    ) -> TokenOutput:
        """Answer one request; those that wait together run as one batch."""
        if self._serving is None:
            self._serving = asyncio.create_task(self._serve())
        room = self._prompt_length + self._response_length - len(prompt_ids)
        asked = (
            sampling_params.get("max_tokens")
            or sampling_params.get("max_new_tokens")
            or self._response_length
        )
        drawing = Drawing(
            float(sampling_params.get("temperature", 1.0)),
            float(sampling_params.get("top_p", 1.0)),
            int(sampling_params.get("top_k", -1)),
            max(1, min(asked, room)),
        )
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        await self._waiting.put((list(prompt_ids), drawing, answer))
        ids, chances = await answer
        extra = {"global_steps": self._global_steps}
        return TokenOutput(
            token_ids=ids, log_probs=chances, stop_reason="completed", extra_fields=extra
        )

    async def _serve(self) -> None:
        while True:
            batch = [await self._waiting.get()]
            await asyncio.sleep(GATHER_SECONDS)
            while not self._waiting.empty() and len(batch) < self._max_batch:
                batch.append(self._waiting.get_nowait())
            alike = defaultdict(list)
            for prompt, drawing, answer in batch:
                alike[drawing].append((prompt, answer))
            for drawing, asked in alike.items():
                try:
                    async with self._busy:
                        found = await asyncio.to_thread(
                            self._sample, [prompt for prompt, _ in asked], drawing
                        )
                except Exception as error:  # noqa: BLE001 - whoever asked is told
                    for _, answer in asked:
                        answer.set_exception(error)
                else:
                    for (_, answer), own in zip(asked, found, strict=True):
                        answer.set_result(own)

    async def _nothing(self, *_: Any, **__: Any) -> None:
        """Do nothing: there is no memory to give back between steps, and no profile."""

    sleep = wake_up = clear_kv_cache = release_kv_cache = resume_kv_cache = _nothing
    abort_all_requests = resume_generation = start_profile = stop_profile = _nothing


class TransformersReplica(RolloutReplica):
    """One server beside the workers that train."""

    async def launch_servers(self) -> None:
        """Start the server on the node, and the device, of the first worker."""
        resource = get_resource_name()

        def place(_: Any) -> tuple[str, str]:
            context = ray.get_runtime_context()
            return context.get_node_id(), context.get_accelerator_ids()[resource][0]

        node, device = await self.workers[0].__ray_call__.remote(place)
        server: Any = (
            ray.remote(TransformersServer)
            .options(
                name=server_name(self.replica_rank),
                num_cpus=0,
                max_concurrency=self.max_concurrency,
                scheduling_strategy=NodeAffinitySchedulingStrategy(node_id=node, soft=False),
                runtime_env={"env_vars": dict.fromkeys(get_platform().ray_noset_envvars(), "1")},
            )
            .remote(
                self.model_config.path,
                self.config.dtype,
                (self.config.prompt_length, self.config.response_length),
                self.config.max_num_seqs,
                self.config.seed + self.replica_rank,
                device,
            )
        )
        await server.ready.remote()
        self.servers = [server]
        self._server_handle = server
        self._server_address = server_name(self.replica_rank)


class TransformersAdapter(BaseRollout):
    """The trainer's end: hands the server its weights."""

    def __init__(
        self, config: Any, model_config: Any, device_mesh: Any, replica_rank: int = -1
    ) -> None:
        super().__init__(config, model_config, device_mesh)
        rank = int(os.environ["RANK"])
        world = self.config.tensor_model_parallel_size * self.config.data_parallel_size
        self._replica = rank // world if replica_rank == -1 else replica_rank
        self._leads = rank % world == 0

    async def resume(self, tags: list[str]) -> None:
        """Do nothing: the server keeps its memory."""

    async def release(self) -> None:
        """Do nothing: the server keeps its memory."""

    @torch.no_grad()
    async def update_weights(
        self, weights: Iterable[tuple[str, torch.Tensor]], global_steps: int | None = None, **_: Any
    ) -> None:
        """Send the weights; every rank takes part in gathering them, the first one sends."""
        found = {name: weight.detach().cpu() for name, weight in weights}
        if self._leads:
            await ray.get_actor(server_name(self._replica)).load_weights.remote(found, global_steps)


def server_name(replica: int) -> str:
    """Return the Ray name of a replica's server."""
    return f"gsim_transformers_rollout_{replica}"


def register() -> None:
    """Make the rollout known to verl, which keeps two registries."""
    base._ROLLOUT_REGISTRY[("transformers", "async")] = f"{__name__}.{TransformersAdapter.__name__}"
    RolloutReplicaRegistry.register("transformers", lambda: TransformersReplica)
