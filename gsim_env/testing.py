"""Test doubles: a model with a given latency, and an OpenAI-compatible server with planned faults.

:class:`LatencyModel` replaces a language model, :func:`mock_openai_server` one that is reached
over HTTP. Both play the customer and the ``llm`` Manager.
"""

import asyncio
import json
import math
import random
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from gsim_env.errors import SimulatorError
from gsim_env.models import Completion, CompletionRequest, SamplingParams
from gsim_env.models.backends.scripted import ScriptedModel
from gsim_env.simulation.llm_manager import NO_CONCERN, Verdict
from gsim_env.util.extras import import_optional_module

if TYPE_CHECKING:
    from aiohttp import web

__all__ = [
    "Fault",
    "Faults",
    "LatencyConfig",
    "LatencyModel",
    "MockOpenAIServer",
    "ReceivedRequest",
    "mock_openai_server",
]

T = TypeVar("T")

Fault = (
    Literal["ok", "timeout", "cut", "invalid_json", "not_an_object", "empty_choices", "bad_schema"]
    | int
)
"""A fault of the server: see :func:`mock_openai_server`."""

MALFORMED: Mapping[Fault, str] = {
    "invalid_json": '{"choices": [',
    "not_an_object": "[]",
    "empty_choices": '{"choices": []}',
}
"""Answers of status 200 that are not chat completions, by fault."""

Faults = Iterable[Fault] | Callable[[Mapping[str, Any]], Fault]
"""A fault for each request in order, then ``"ok"``; or a function of the request's body."""


class LatencyConfig(BaseModel):
    """Backend settings of a :class:`LatencyModel`: its arguments.

    Register it with ``BACKENDS["latency"] = "gsim_env.testing:LatencyConfig"``
    (``gsim_env.models.registry``; pytest's ``monkeypatch.setitem``) to use ``customer={"backend":
    "latency", "mean": 0.05}`` in any environment.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean: float = Field(default=0.05, ge=0.0)
    sigma: float = Field(default=0.0, ge=0.0)
    seed: int = 0

    def build(self) -> "LatencyModel":
        """Build the test double of these settings."""
        return LatencyModel(self.mean, self.sigma, self.seed)


class LatencyModel:
    """Test double of a language model that answers after a simulated latency.

    As the customer it repeats a line that the guidance quotes, like the ``scripted`` backend. As
    the Manager it always gives the same neutral verdict, so a call goes on until the turn limit.

    A request's latency depends on its sampling seed only, so it is equal for all drivers.

    Args:
        mean: Mean latency in seconds.
        sigma: 0 for a constant latency; else the shape of a lognormal distribution.
        seed: Seeds the lognormal latencies.

    Attributes:
        calls: Number of requests.
    """

    def __init__(self, mean: float = 0.05, sigma: float = 0.0, seed: int = 0) -> None:
        """Create a model without requests."""
        self.calls = 0
        self._mean = mean
        self._sigma = sigma
        self._seed = seed

    async def acomplete(self, request: CompletionRequest) -> Completion:
        """Return a mock chat completion after the request's latency.

        Raises:
            SimulatorError: if a customer's last message quotes nothing.
        """
        self.calls += 1
        await asyncio.sleep(self.latency_of(request))
        return await mock_completion(request)

    def latency_of(self, request: CompletionRequest) -> float:
        """Return the simulated latency of a request in seconds."""
        if not self._sigma:
            return self._mean

        draw = random.Random(self._seed << 32 | request.seed).lognormvariate(0.0, self._sigma)  # noqa: S311
        # The mean of a lognormal distribution is exp(mu + sigma^2 / 2).
        return self._mean * draw * math.exp(-(self._sigma**2) / 2)


async def mock_completion(request: CompletionRequest) -> Completion:
    """Return a mock completion: a neutral verdict for a request with a schema, else a quoted line.

    The request's seed is appended to the line, so that no answer repeats another: repetitions are
    retried, which would change the number of requests.

    Raises:
        SimulatorError: if there is neither a schema nor a quoted line.
    """
    if request.schema is None:
        line = await ScriptedModel().acomplete(request)
        return Completion(f"{line.text} {request.seed}")
    return Completion(_verdict(request.schema["properties"]["stage"]["enum"][0]))


@lru_cache
def _verdict(stage: str) -> str:
    verdict = Verdict(
        interest=5,
        trust=5,
        patience=10,
        answered=False,
        asked=False,
        farewell=False,
        stage=stage,
        concern=NO_CONCERN,
    )
    return verdict.model_dump_json()


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """A request that the mock server received: client port, authorization and body.

    Attributes:
        port: The client's port, which identifies the connection.
        authorization: The header ``Authorization``; empty without one.
        body: The request's JSON.
    """

    port: int
    authorization: str
    body: Mapping[str, Any]


class MockOpenAIServer:
    """Mock server with OpenAI's chat completions and planned faults, for tests.

    Attributes:
        requests: All received requests, in order.
        url: The ``base_url`` for clients.
    """

    def __init__(self, faults: Faults, latency: float, retry_after: float) -> None:
        """Create a server that is not listening yet."""
        self.requests: list[ReceivedRequest] = []
        self.url = ""
        self._latency = latency
        self._retry_after = retry_after
        self.plan_faults(faults)

    def plan_faults(self, faults: Faults) -> None:
        """Replace the planned faults of future requests."""
        if callable(faults):
            self._fault = faults
        else:
            remaining = iter(faults)
            self._fault = lambda _: next(remaining, "ok")

    async def start(self) -> "web.AppRunner":
        """Listen on a free port of the loopback interface."""
        from aiohttp import web

        self._stopping = asyncio.Event()
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._respond)

        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()

        host, port = runner.addresses[0]
        self.url = f"http://{host}:{port}/v1"
        return runner

    async def stop(self, runner: "web.AppRunner") -> None:
        """Release the requests that time out, and close the server."""
        self._stopping.set()
        await runner.cleanup()

    async def _respond(self, request: "web.Request") -> "web.StreamResponse":
        from aiohttp import web

        body = json.loads(await request.read())
        assert request.transport is not None
        port = request.transport.get_extra_info("peername")[1]
        self.requests.append(ReceivedRequest(port, request.headers.get("Authorization", ""), body))

        fault = self._fault(body)
        await (self._stopping.wait() if fault == "timeout" else asyncio.sleep(self._latency))

        if isinstance(fault, int):
            return self._error_response(fault)
        if fault == "cut":
            return await self._cut_response(request)
        text = MALFORMED.get(fault) or await _answer_text(body, fault)
        return web.Response(text=text, content_type="application/json")

    def _error_response(self, status: int) -> "web.Response":
        from aiohttp import web

        headers = {"Retry-After": f"{self._retry_after:g}"} if status == 429 else {}
        error = {"error": {"message": "as planned"}}
        return web.json_response(error, status=status, headers=headers)

    async def _cut_response(self, request: "web.Request") -> "web.StreamResponse":
        """Close the connection in the middle of an answer."""
        from aiohttp import web

        headers = {"Content-Length": "1000", "Content-Type": "application/json"}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        await response.write(b'{"choices": [')

        assert request.transport is not None
        request.transport.close()
        return response


@contextmanager
def mock_openai_server(
    faults: Faults = (), *, latency: float = 0.0, retry_after: float = 0.0
) -> Iterator[MockOpenAIServer]:
    """Run a mock OpenAI-compatible server with planned faults on localhost, in a thread.

    It serves ``/v1/chat/completions``. A request with a ``response_format`` is answered like a
    Manager, any other like a customer (see :class:`LatencyModel`). Faults:

    * ``"ok"``: none;
    * ``"timeout"``: no answer;
    * ``"cut"``: the connection is closed in the middle of the answer;
    * ``"invalid_json"``, ``"not_an_object"``, ``"empty_choices"``: status 200, but not a chat
      completion;
    * ``"bad_schema"``: a chat completion with content that does not fit the Manager's schema;
    * an ``int``: that status.

    Args:
        faults: A fault for each request in order, then ``"ok"`` (``itertools.repeat(500)`` for
            all), or a function of the request's body.
        latency: Seconds until an answer.
        retry_after: The header ``Retry-After`` of status 429, in seconds.

    Yields:
        The server, with its ``url`` and the ``requests`` it received.
    """
    import_optional_module("aiohttp", "openai")
    server = MockOpenAIServer(faults, latency, retry_after)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="mock-server", daemon=True)
    thread.start()

    def wait(coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result()

    try:
        runner = wait(server.start())
        try:
            yield server
        finally:
            wait(server.stop(runner))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _answer_text(body: Mapping[str, Any], fault: Fault) -> str:
    """Return a chat completion as JSON."""
    from aiohttp import web

    if fault == "bad_schema":
        return json.dumps(_completion(body, '{"interest": 11}'))
    try:
        return json.dumps(_completion(body, await _content(body)))
    except SimulatorError as error:  # the customer's messages quote nothing
        raise web.HTTPBadRequest(text=str(error)) from error


async def _content(body: Mapping[str, Any]) -> str:
    """Return the content of the answer to a request's body."""
    response_format = body.get("response_format")
    schema = response_format["json_schema"]["schema"] if response_format else None
    role = "manager" if response_format else "customer"
    sampling = SamplingParams(temperature=1.0, top_p=1.0, max_tokens=64)

    request = CompletionRequest(role, body["messages"], sampling, body.get("seed", 0), schema)
    return (await mock_completion(request)).text


def _completion(body: Mapping[str, Any], content: str) -> dict[str, Any]:
    """Return a chat completion as an OpenAI-compatible server does."""
    message = {"role": "assistant", "content": content}
    usage = {
        "prompt_tokens": 20,
        "completion_tokens": 5,
        "total_tokens": 25,
        "prompt_tokens_details": {"cached_tokens": 16},
    }

    return {
        "id": "mock",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": usage,
    }
