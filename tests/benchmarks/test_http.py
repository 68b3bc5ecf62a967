"""Overhead of HTTP: 128 concurrent chats with a server that takes 50 ms per answer.

The server runs in a separate process. Compared in one run: a bare aiohttp loop that sends and reads
the same bytes, our backend, the whole stack (asynchronous environments with a language-model
Manager), and the openai client. ``of_bare_aiohttp`` is the bare loop's time divided by ours; goal:
0.85. Results go into the benchmark's ``extra_info``; the assertions are weaker, for busy machines.
"""

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import openai
import pytest
from pydantic_core import to_json

from gsim_env.envs import AsyncTelemarketingEnv
from gsim_env.models import CompletionRequest
from gsim_env.models.backends.openai import Config as OpenAIConfig
from gsim_env.simulation.config import SimulatorConfig
from gsim_env.simulation.conversation import Listen
from gsim_env.simulation.simulator import Simulator
from gsim_env.testing import mock_completion
from gsim_env.util.aio import block_on
from tests.benchmarks.timing import Stopwatch, interleaved

CALLS, WAIT = 128, 0.05
SAY = "Hello, this is Li from QuickEats. What worries you most about delivery?"
SERVER = f"""
import sys
from gsim_env.testing import mock_openai_server
with mock_openai_server(latency={WAIT}) as server:
    print(server.url, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def url() -> Iterator[str]:
    command = [sys.executable, "-c", SERVER]
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process.stdout.readline().strip()
        process.stdin.close()


@pytest.fixture
def rounds(benchmark) -> int:
    """Requests per chat; an even number, since Manager and customer alternate."""
    return 20 if benchmark.enabled else 4


def settings(url: str) -> dict[str, Any]:
    return {"backend": "openai", "model": "m", "base_url": url, "api_key": "key", "timeout": 10.0}


def requests_of_a_call(count: int) -> list[CompletionRequest]:
    """Return the first requests of a call in order: the Manager's, the customer's, and so on."""
    simulator = Simulator(
        SimulatorConfig(
            customer="scripted",
            manager=settings("http://localhost/v1"),
            encoder="hashing",
            library="memory",
        )
    )

    rng = np.random.default_rng(0)
    requests: list[CompletionRequest] = []
    sent: Any = None
    steps = simulator.start(block_on(simulator.draw_profile(rng, {})), rng)
    while len(requests) < count:
        request = steps.send(sent)
        if isinstance(request, CompletionRequest):
            requests.append(request)
            sent = block_on(mock_completion(request))
        else:
            sent = (
                SAY if isinstance(request, Listen) else block_on(simulator.services.answer(request))
            )
    return requests


def customer_request() -> CompletionRequest:
    return requests_of_a_call(2)[1]


async def chats(ask: Callable[[int], Awaitable[object]], rounds: int) -> Stopwatch:
    async def chat(rounds: int) -> None:
        for number in range(rounds):
            await ask(number)

    await asyncio.gather(*(chat(1) for _ in range(CALLS)))  # connections are open from here on
    with Stopwatch() as watch:
        await asyncio.gather(*(chat(rounds) for _ in range(CALLS)))
    return watch


def bare_aiohttp(url: str, rounds: int, requests: Sequence[CompletionRequest]) -> Stopwatch:
    """Send ``requests`` in turn, repeatedly, and read the answers."""
    model = OpenAIConfig(
        **{key: value for key, value in settings(url).items() if key != "backend"}
    ).build()
    payloads = [to_json(model._body(request)) for request in requests]
    endpoint, headers = model._endpoint

    async def together() -> Stopwatch:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

            async def ask(number: int) -> None:
                async with session.post(
                    endpoint, data=payloads[number % len(payloads)], headers=headers
                ) as response:
                    assert response.status == 200
                    await response.read()

            return await chats(ask, rounds)

    return asyncio.run(together())


def our_model(url: str, rounds: int) -> Stopwatch:
    model = OpenAIConfig(
        **{key: value for key, value in settings(url).items() if key != "backend"}
    ).build()
    request = customer_request()
    return asyncio.run(chats(lambda _: model.acomplete(request), rounds))


def whole_stack(url: str, rounds: int) -> Stopwatch:
    """Play calls in asynchronous environments, with two requests per turn."""
    model = settings(url)
    services = {"encoder": "hashing", "library": "memory"}
    envs = [
        AsyncTelemarketingEnv(customer=model, manager=model, max_turns=rounds // 2, **services)
        for _ in range(CALLS)
    ]

    async def converse(env: AsyncTelemarketingEnv) -> None:
        truncated = False
        while not truncated:
            _, _, terminated, truncated, _ = await env.step(SAY)
            assert not terminated

    async def together() -> Stopwatch:
        for again in range(2):  # the first time opens the connections
            await asyncio.gather(*(env.reset(seed=seed) for seed, env in enumerate(envs)))
            with Stopwatch() as watch:
                await asyncio.gather(*(converse(env) if again else env.step(SAY) for env in envs))
        return watch

    return asyncio.run(together())


def openai_client(url: str, rounds: int) -> Stopwatch:
    request = customer_request()

    async def together() -> Stopwatch:
        async with openai.AsyncOpenAI(base_url=url, api_key="key", max_retries=0) as client:

            async def ask(_: int) -> None:
                sampling = request.sampling
                answer = await client.chat.completions.create(
                    model="m",
                    messages=request.messages,
                    temperature=sampling.temperature,
                    top_p=sampling.top_p,
                    max_tokens=sampling.max_tokens,
                    seed=request.seed,
                )
                assert answer.choices[0].message.content

            return await chats(ask, rounds)

    return asyncio.run(together())


def record(
    benchmark: Any,
    ours: Callable[[str, int], Stopwatch],
    url: str,
    rounds: int,
    sent: Sequence[CompletionRequest],
) -> float:
    """Time ``ours`` and a bare loop that sends the same; return the bare loop's time by ours."""
    (wall, cpu), (bare_wall, bare_cpu) = interleaved(
        benchmark, lambda: ours(url, rounds), lambda: bare_aiohttp(url, rounds, sent)
    )
    requests = CALLS * rounds
    benchmark.extra_info |= {
        "requests_per_second": requests / wall,
        "efficiency": rounds * WAIT / wall,
        "efficiency_of_bare_aiohttp": rounds * WAIT / bare_wall,
        "of_bare_aiohttp": bare_wall / wall,
        "cpu_ms_per_request": 1e3 * cpu / requests,
        "cpu_ms_per_request_of_bare_aiohttp": 1e3 * bare_cpu / requests,
    }
    return bare_wall / wall


def test_our_model(benchmark, url, rounds):
    share = record(benchmark, our_model, url, rounds, [customer_request()])
    assert share > 0.5 or not benchmark.enabled
    benchmark.extra_info["of_bare_aiohttp_goal"] = 0.85


def test_whole_stack(benchmark, url, rounds):
    share = record(benchmark, whole_stack, url, rounds, requests_of_a_call(rounds))
    assert share > 0.4 or not benchmark.enabled
    benchmark.extra_info["of_bare_aiohttp_goal"] = 0.85


def test_openai_client(benchmark, url, rounds):
    """The reason why the hot path does not use the openai client."""
    record(benchmark, openai_client, url, rounds, [customer_request()])
