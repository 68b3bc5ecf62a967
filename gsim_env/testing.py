"""Fake parts for tests.

A model that takes its time, and an OpenAI-compatible server that fails on demand.

:class:`LatencyModel` stands in for a language model whose only property of interest is how long it
takes, and :func:`mock_server` for one that is reached over HTTP. Both play the customer and the
``llm`` Manager.
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
from gsim_env.models import Complete, Completion, Sampling
from gsim_env.models.scripted import ScriptedModel
from gsim_env.simulation.llm_manager import NO_CONCERN, Verdict
from gsim_env.util.extras import require

if TYPE_CHECKING:
    from aiohttp import web

__all__ = [
    "Fault",
    "Faults",
    "LatencyConfig",
    "LatencyModel",
    "MockServer",
    "Received",
    "mock_server",
]

T = TypeVar("T")

Fault = (
    Literal["ok", "timeout", "cut", "invalid_json", "not_an_object", "empty_choices", "bad_schema"]
    | int
)
"""What the server does to a request: see :func:`mock_server`."""

Faults = Iterable[Fault] | Callable[[Mapping[str, Any]], Fault]
"""A fault for each request in turn and ``"ok"`` when they are used up, or a function from the request's body."""


class LatencyConfig(BaseModel):
    """Settings of a :class:`LatencyModel`, which are its arguments.

    With ``BACKENDS["latency"] = "gsim_env.testing:LatencyConfig"`` (``gsim_env.models.registry``;
    pytest's ``monkeypatch.setitem``) any environment takes ``customer={"backend": "latency",
    "mean": 0.05}``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean: float = Field(default=0.05, ge=0.0)
    sigma: float = Field(default=0.0, ge=0.0)
    seed: int = 0

    def build(self) -> "LatencyModel":
        """Return the model."""
        return LatencyModel(self.mean, self.sigma, self.seed)


class LatencyModel:
    """Answers after a while, any number of requests at a time.

    As the customer it says a line that the guidance quotes, like the ``scripted`` backend. As the
    Manager it gives the same verdict every time: nothing is won or lost, and the call goes on until
    the turn limit.

    A request's latency depends on its sampling seed and on nothing else, so that every driver meets
    the same latencies.

    Args:
        mean: Seconds that a request takes on average.
        sigma: 0 for exactly ``mean`` each time; else latencies are lognormal, of which this is the
            shape.
        seed: Changes the lognormal latencies.

    Attributes:
        calls: How many requests have been made.
    """

    def __init__(self, mean: float = 0.05, sigma: float = 0.0, seed: int = 0) -> None:
        """Make a model that has not been asked yet."""
        self.calls = 0
        self._mean, self._sigma, self._seed = mean, sigma, seed

    async def acomplete(self, request: Complete) -> Completion:
        """Answer one request, late.

        Raises:
            SimulatorError: if a customer's last message quotes nothing.
        """
        self.calls += 1
        await asyncio.sleep(self.latency(request))
        return await answer(request)

    def latency(self, request: Complete) -> float:
        """Return the seconds that ``request`` takes."""
        if not self._sigma:
            return self._mean
        draw = random.Random(self._seed << 32 | request.seed).lognormvariate(0.0, self._sigma)  # noqa: S311
        return (
            self._mean * draw * math.exp(-(self._sigma**2) / 2)
        )  # a lognormal's mean is exp(mu + sigma^2 / 2)


async def answer(request: Complete) -> Completion:
    """Return the verdict that changes nothing if the request has a schema, else a line that its
    last message quotes.

    The line ends with the request's seed: a customer who repeats himself is asked again, and calls
    are to be countable.

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
class Received:
    """A request as the server saw it.

    Attributes:
        port: The client's, which tells one connection from another.
        authorization: The header of that name, or nothing.
        body: The request's JSON.
    """

    port: int
    authorization: str
    body: Mapping[str, Any]


class MockServer:
    """The server of :func:`mock_server`, which starts and stops it.

    Attributes:
        requests: All that was received, in order.
        url: What a client takes as ``base_url``.
    """

    def __init__(self, faults: Faults, latency: float, retry_after: float) -> None:
        """Make a server that does not listen yet."""
        self.requests: list[Received] = []
        self.url = ""
        self._latency, self._retry_after = latency, retry_after
        self.plan(faults)

    def plan(self, faults: Faults) -> None:
        """Forget the faults that are still to come and plan these."""
        if callable(faults):
            self._fault = faults
        else:
            rest = iter(faults)
            self._fault = lambda _: next(rest, "ok")

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
        """Let go of the requests that are never to be answered, and close."""
        self._stopping.set()
        await runner.cleanup()

    async def _respond(self, request: "web.Request") -> "web.StreamResponse":
        from aiohttp import web

        body = json.loads(await request.read())
        assert request.transport is not None
        port = request.transport.get_extra_info("peername")[1]
        self.requests.append(Received(port, request.headers.get("Authorization", ""), body))
        fault = self._fault(body)
        await (self._stopping.wait() if fault == "timeout" else asyncio.sleep(self._latency))
        if isinstance(fault, int):
            headers = {"Retry-After": f"{self._retry_after:g}"} if fault == 429 else {}
            return web.json_response(
                {"error": {"message": "as planned"}}, status=fault, headers=headers
            )
        if fault == "cut":
            response = web.StreamResponse(
                headers={"Content-Length": "1000", "Content-Type": "application/json"}
            )
            await response.prepare(request)
            await response.write(b'{"choices": [')
            request.transport.close()
            return response
        text = {
            "invalid_json": '{"choices": [',
            "not_an_object": "[]",
            "empty_choices": '{"choices": []}',
        }.get(fault)
        if text is None:
            try:
                content = '{"interest": 11}' if fault == "bad_schema" else await _content(body)
            except SimulatorError as error:  # the customer's messages quote nothing
                raise web.HTTPBadRequest(text=str(error)) from error
            text = json.dumps(_completion(body, content))
        return web.Response(text=text, content_type="application/json")


@contextmanager
def mock_server(
    faults: Faults = (), *, latency: float = 0.0, retry_after: float = 0.0
) -> Iterator[MockServer]:
    """Serve ``/v1/chat/completions`` on the loopback interface, in a thread, as an
    OpenAI-compatible server would.

    A request with a ``response_format`` is answered like a Manager, any other like a customer (see
    :class:`LatencyModel`). Faults:

    * ``"ok"``: none;
    * ``"timeout"``: it is never answered;
    * ``"cut"``: the connection is closed in the middle of the answer;
    * ``"invalid_json"``, ``"not_an_object"``, ``"empty_choices"``: status 200, but not a chat
      completion;
    * ``"bad_schema"``: a sound chat completion, whose content does not fit the Manager's schema;
    * an ``int``: that status.

    Args:
        faults: A fault for each request in turn (``"ok"`` when they are used up;
            ``itertools.repeat(500)`` for all), or a function that is given the request's body.
        latency: Seconds until an answer.
        retry_after: What the header ``Retry-After`` of status 429 says, in seconds.

    Yields:
        The server, with its ``url`` and the ``requests`` it received.
    """
    require("aiohttp", "openai")
    server = MockServer(faults, latency, retry_after)
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


async def _content(body: Mapping[str, Any]) -> str:
    wanted = body.get("response_format")
    schema = wanted["json_schema"]["schema"] if wanted else None
    sampling = Sampling(temperature=1.0, top_p=1.0, max_tokens=64)
    request = Complete(
        "manager" if wanted else "customer", body["messages"], sampling, body.get("seed", 0), schema
    )
    return (await answer(request)).text


def _completion(body: Mapping[str, Any], content: str) -> dict[str, Any]:
    return {
        "id": "mock",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": content},
            }
        ],
        "usage": {
            "prompt_tokens": 20,
            "completion_tokens": 5,
            "total_tokens": 25,
            "prompt_tokens_details": {"cached_tokens": 16},
        },
    }
