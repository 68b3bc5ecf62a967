"""verl rollout "transformers", for machines that vLLM and SGLang do not support.

``TransformersRolloutReplica`` starts a server as a Ray actor on the node of the trainer's worker;
``TransformersServerAdapter`` runs in that worker and sends the server new weights after each step.
Interfaces: ``verl.workers.rollout``, verl 0.9.1.
"""

import asyncio
import os
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

import ray
import torch
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
from verl.plugin.platform import get_platform
from verl.utils.device import get_resource_name
from verl.workers.rollout import base
from verl.workers.rollout.base import BaseRollout
from verl.workers.rollout.replica import RolloutReplica, RolloutReplicaRegistry, TokenOutput

from verl_plugins.cpu.sampler import BatchedSampler, SamplingParams

__all__ = [
    "TransformersRolloutReplica",
    "TransformersServerAdapter",
    "register_transformers_rollout",
]

BATCH_WINDOW = 0.02
"""Seconds that the server waits for more requests before it runs a batch."""


class _PendingRequest(NamedTuple):
    """A generation request that waits for its batch."""

    prompt_ids: list[int]
    params: SamplingParams
    response: asyncio.Future[tuple[list[int], list[float]]]


class TransformersRolloutServer:
    """Ray actor that serves verl's rollouts with transformers, in dynamic batches.

    Weights are updated between batches.

    Args:
        path: Folder of the model.
        dtype: Name of a torch dtype.
        max_length: Maximum tokens of prompt and response together.
        max_response_length: Maximum tokens of a response, unless a request asks for less.
        max_batch: Maximum number of requests in a batch.
        seed: Seed of torch's generator.
        devices: Value of the platform's variable of visible devices: the trainer's device.
    """

    def __init__(
        self,
        path: str,
        dtype: str,
        max_length: int,
        max_response_length: int,
        max_batch: int,
        seed: int,
        devices: str,
    ) -> None:
        # Set before torch initializes the device.
        os.environ[get_platform().visible_devices_envvar()] = devices
        from transformers import AutoModelForCausalLM

        torch.manual_seed(seed)
        torch.set_num_threads(os.cpu_count() or 1)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        model: Any = AutoModelForCausalLM.from_pretrained(
            path, dtype=getattr(torch, dtype), attn_implementation="sdpa"
        )
        self._sample = BatchedSampler(model.to(device).eval())

        self._max_length = max_length
        self._max_response_length = max_response_length
        self._max_batch = max_batch
        self._global_steps: int | None = None
        self._queue: asyncio.Queue[_PendingRequest] = asyncio.Queue()
        self._model_lock = asyncio.Lock()
        self._serving: asyncio.Task[None] | None = None

    async def is_ready(self) -> bool:
        """Return ``True``; a Ray actor answers once its model is loaded."""
        return True

    async def replace_weights(
        self, weights: dict[str, torch.Tensor], global_steps: int | None
    ) -> None:
        """Replace the rollout model's weights by the trained policy's.

        Raises:
            ValueError: if the names differ from the model's. A tied output layer may be missing.
        """
        async with self._model_lock:
            missing, unexpected = self._sample.model.load_state_dict(weights, strict=False)
            missing = [name for name in missing if "lm_head" not in name]
            if missing or unexpected:
                raise ValueError(
                    "The weights do not fit the rollout model. "
                    f"Missing: {missing[:3]}, unexpected: {unexpected[:3]}."
                )
            self._global_steps = global_steps

    async def generate(
        self, prompt_ids: list[int], sampling_params: dict[str, Any], **_: Any
    ) -> TokenOutput:
        """Sample a response to one prompt; concurrent requests run as one batch."""
        if self._serving is None:
            self._serving = asyncio.create_task(self._serve())

        params = self._parse_params(sampling_params, len(prompt_ids))
        response = asyncio.get_running_loop().create_future()
        await self._queue.put(_PendingRequest(list(prompt_ids), params, response))
        ids, log_probs = await response
        return TokenOutput(
            token_ids=ids,
            log_probs=log_probs,
            stop_reason="completed",
            extra_fields={"global_steps": self._global_steps},
        )

    def _parse_params(self, sampling: dict[str, Any], prompt_length: int) -> SamplingParams:
        """Return the parameters of a request that verl states as for vLLM."""
        requested = (
            sampling.get("max_tokens")
            or sampling.get("max_new_tokens")
            or self._max_response_length
        )
        return SamplingParams(
            temperature=float(sampling.get("temperature", 1.0)),
            top_p=float(sampling.get("top_p", 1.0)),
            top_k=int(sampling.get("top_k", -1)),
            max_tokens=max(1, min(requested, self._max_length - prompt_length)),
        )

    async def _serve(self) -> None:
        """Run batches forever, one group of equal sampling parameters after the other."""
        while True:
            groups: dict[SamplingParams, list[_PendingRequest]] = defaultdict(list)
            for request in await self._next_batch():
                groups[request.params].append(request)
            for params, requests in groups.items():
                await self._run(params, requests)

    async def _next_batch(self) -> list[_PendingRequest]:
        """Return the waiting requests; wait for the first."""
        batch = [await self._queue.get()]
        await asyncio.sleep(BATCH_WINDOW)
        while not self._queue.empty() and len(batch) < self._max_batch:
            batch.append(self._queue.get_nowait())
        return batch

    async def _run(self, params: SamplingParams, requests: list[_PendingRequest]) -> None:
        """Sample a response to each request, or fail all of them."""
        prompts = [request.prompt_ids for request in requests]
        try:
            async with self._model_lock:
                responses = await asyncio.to_thread(self._sample, prompts, params)
        except Exception as error:  # noqa: BLE001 - raised in each caller
            for request in requests:
                request.response.set_exception(error)
            return

        for request, response in zip(requests, responses, strict=True):
            request.response.set_result(response)

    async def _do_nothing(self, *_: Any, **__: Any) -> None:
        """Do nothing: the server keeps its memory between steps and has no profiler."""

    sleep = wake_up = clear_kv_cache = release_kv_cache = resume_kv_cache = _do_nothing
    abort_all_requests = resume_generation = start_profile = stop_profile = _do_nothing


class TransformersRolloutReplica(RolloutReplica):
    """verl rollout replica with one transformers server, on the first worker's device."""

    async def launch_servers(self) -> None:
        """Start the transformers server on the node and device of the first worker."""
        node, device = await self._locate_first_worker()
        name = _server_name(self.replica_rank)
        actor = ray.remote(TransformersRolloutServer).options(
            name=name,
            num_cpus=0,
            max_concurrency=self.max_concurrency,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node_id=node, soft=False),
            runtime_env={"env_vars": dict.fromkeys(get_platform().ray_noset_envvars(), "1")},
        )

        server: Any = actor.remote(
            path=self.model_config.path,
            dtype=self.config.dtype,
            max_length=self.config.prompt_length + self.config.response_length,
            max_response_length=self.config.response_length,
            max_batch=self.config.max_num_seqs,
            seed=self.config.seed + self.replica_rank,
            devices=device,
        )
        await server.is_ready.remote()

        self.servers = [server]
        self._server_handle = server
        self._server_address = name

    async def _locate_first_worker(self) -> tuple[str, str]:
        """Return the first worker's node id and device id."""
        resource = get_resource_name()

        def locate(_: Any) -> tuple[str, str]:
            context = ray.get_runtime_context()
            return context.get_node_id(), context.get_accelerator_ids()[resource][0]

        location: tuple[str, str] = await self.workers[0].__ray_call__.remote(locate)
        return location


class TransformersServerAdapter(BaseRollout):
    """verl rollout in the trainer's worker: sends new weights to the transformers server."""

    def __init__(
        self, config: Any, model_config: Any, device_mesh: Any, replica_rank: int = -1
    ) -> None:
        super().__init__(config, model_config, device_mesh)
        rank = int(os.environ["RANK"])
        ranks_per_replica = self.config.tensor_model_parallel_size * self.config.data_parallel_size
        self._replica = rank // ranks_per_replica if replica_rank == -1 else replica_rank
        self._is_leader = rank % ranks_per_replica == 0

    async def resume(self, tags: list[str]) -> None:
        """Do nothing: the server keeps its memory."""

    async def release(self) -> None:
        """Do nothing: the server keeps its memory."""

    @torch.no_grad()
    async def update_weights(
        self, weights: Iterable[tuple[str, torch.Tensor]], global_steps: int | None = None, **_: Any
    ) -> None:
        """Gather the policy's weights and send them to the server from the first rank."""
        gathered = {name: weight.detach().cpu() for name, weight in weights}
        if self._is_leader:
            server = ray.get_actor(_server_name(self._replica))
            await server.replace_weights.remote(gathered, global_steps)


def _server_name(replica: int) -> str:
    """Return the Ray actor name of a replica's transformers server."""
    return f"gsim_transformers_rollout_{replica}"


def register_transformers_rollout() -> None:
    """Register the rollout "transformers" in verl's two rollout registries."""
    base._ROLLOUT_REGISTRY[("transformers", "async")] = (
        f"{__name__}.{TransformersServerAdapter.__name__}"
    )
    RolloutReplicaRegistry.register("transformers", lambda: TransformersRolloutReplica)
