"""The ``openai`` backend against a real server on the loopback interface.

What it sends, retries and gives up on.
"""

import asyncio
import itertools
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gsim_env.errors import SimulatorError
from gsim_env.groups import load_group
from gsim_env.models import Completion, CompletionRequest, SamplingParams
from gsim_env.models.backends.openai import Config as OpenAIConfig
from gsim_env.models.backends.openai import EndpointError, OpenAIModel
from gsim_env.models.http_pool import POOLS
from gsim_env.simulation.llm_manager import LLMManager
from gsim_env.testing import Fault, MockOpenAIServer, mock_openai_server

TRANSIENT: dict[Fault, tuple[int | None, str]] = {
    "timeout": (None, "no answer within"),
    "cut": (None, "(?!no answer within|not a chat completion)"),  # the system's own message
    "invalid_json": (None, "not a chat completion .*JSONDecodeError"),
    "not_an_object": (None, "not a chat completion"),
    "empty_choices": (None, "not a chat completion .*IndexError"),
    408: (408, "408 "),
    409: (409, "409 "),
    429: (429, "429 "),
    500: (500, "500 "),
    503: (503, "503 "),
}
"""Retried faults, and the cause when retries do not help: its status and how its message starts."""

PERMANENT: tuple[Fault, ...] = (400, 401, 403, 404, 422)

REQUEST = CompletionRequest(
    "customer",
    [
        {"role": "user", "content": "Hello?"},
        {"role": "system", "content": "Say yours.\n> Who is this?"},
    ],
    SamplingParams(temperature=0.7, top_p=0.9, repetition_penalty=1.05, max_tokens=32),
    seed=7,
)


@pytest.fixture
def server() -> Iterator[MockOpenAIServer]:
    with mock_openai_server() as running:
        yield running


def model(server: MockOpenAIServer, **settings) -> OpenAIModel:
    quick = {"api_key": "key", "timeout": 0.2, "max_retries": 2, "backoff": 0.001}
    return OpenAIConfig(model="m", base_url=server.url, **quick | settings).build()


def complete(model: OpenAIModel, request: CompletionRequest = REQUEST) -> Completion:
    return asyncio.run(model.acomplete(request))


def cause(caught: pytest.ExceptionInfo[SimulatorError]) -> EndpointError:
    error = caught.value.__cause__
    assert isinstance(error, EndpointError)
    return error


@pytest.mark.parametrize("fault", TRANSIENT)
def test_a_passing_fault_is_retried(server, fault):
    server.plan_faults([fault])
    assert complete(model(server)).text == "Who is this? 7"
    assert len(server.requests) == 2
    assert server.requests[0].body == server.requests[1].body


@pytest.mark.parametrize("fault", TRANSIENT)
def test_a_lasting_fault_is_an_error_after_bounded_attempts(server, fault):
    server.plan_faults(itertools.repeat(fault))
    with pytest.raises(SimulatorError, match=r"failed 3 time\(s\)") as caught:
        complete(model(server))
    status, message = TRANSIENT[fault]
    assert cause(caught).status == status
    assert re.match(message, str(cause(caught)))
    assert len(server.requests) == 3


@pytest.mark.parametrize("fault", PERMANENT)
def test_a_permanent_fault_is_not_retried(server, fault):
    server.plan_faults(itertools.repeat(fault))
    with pytest.raises(SimulatorError, match=r"failed 1 time\(s\).*as planned") as caught:
        complete(model(server))
    assert cause(caught).status == fault
    assert len(server.requests) == 1


def test_different_faults_share_one_allowance(server):
    server.plan_faults([500, "cut", 429])
    with pytest.raises(SimulatorError) as caught:
        complete(model(server))
    assert cause(caught).status == 429
    assert complete(model(server)).text == "Who is this? 7"


def test_a_refused_connection_is_an_error():
    with socket.socket() as taken:  # bound, but not listening: connections to it are refused
        taken.bind(("127.0.0.1", 0))
        config = OpenAIConfig(
            model="m",
            base_url=f"http://127.0.0.1:{taken.getsockname()[1]}",
            api_key="none",
            max_retries=1,
            backoff=0.001,
        )
        with pytest.raises(SimulatorError) as caught:
            complete(config.build())
    assert cause(caught).status is None
    assert "Cannot connect" in str(caught.value)


@pytest.mark.parametrize("max_retries", [0, 1])
def test_a_timeout_bounds_each_attempt(server, max_retries):
    server.plan_faults(itertools.repeat("timeout"))
    start = time.monotonic()
    with pytest.raises(SimulatorError):
        complete(model(server, max_retries=max_retries))
    attempts = max_retries + 1
    assert len(server.requests) == attempts
    assert 0.2 * attempts <= time.monotonic() - start < 0.2 * attempts + 1.0


def test_retry_after_is_honored():
    with mock_openai_server([429], retry_after=0.25) as server:
        start = time.monotonic()
        complete(model(server))
        assert time.monotonic() - start >= 0.25


def test_backoff_grows(server):
    server.plan_faults([500, 500])
    start = time.monotonic()
    complete(model(server, backoff=0.2))
    assert (
        time.monotonic() - start >= 0.2 * 0.5 + 0.4 * 0.5
    )  # the jitter takes half of each wait at most


def test_address_and_key_come_from_the_environment(server, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    monkeypatch.setenv("OPENAI_API_KEY", "from-the-environment")
    complete(OpenAIConfig(model="m").build())
    assert server.requests[0].authorization == "Bearer from-the-environment"


def test_address_and_key_of_the_settings_come_first(server, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "from-the-environment")
    complete(OpenAIConfig(model="m", base_url=f"{server.url}/", api_key="own").build())
    assert server.requests[0].authorization == "Bearer own"


@pytest.mark.parametrize("base_url", [None, "https://api.openai.com/v1"])
def test_openais_endpoint_without_a_key_names_the_variable(monkeypatch, base_url):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(SimulatorError, match="OPENAI_API_KEY"):
        complete(OpenAIConfig(model="m", base_url=base_url).build())


@pytest.mark.parametrize("source", ["settings", "environment"])
def test_another_endpoint_needs_no_key(server, monkeypatch, source):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    if source == "environment":
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    complete(OpenAIConfig(model="m", base_url=server.url if source == "settings" else None).build())
    assert server.requests[0].authorization == "Bearer EMPTY"


def test_the_key_is_not_shown():
    assert "secret" not in repr(OpenAIConfig(model="m", api_key="secret"))


def test_the_body(server):
    complete(model(server))
    assert server.requests[0].body == {
        "model": "m",
        "messages": REQUEST.messages,
        "temperature": 0.7,
        "top_p": 0.9,
        "max_tokens": 32,
        "seed": 7,
        "repetition_penalty": 1.05,
    }


def test_extra_body_adds_and_removes_fields(server):
    extra = {"top_k": 5, "repetition_penalty": None, "temperature": 0.0}
    complete(model(server, extra_body=extra))
    body = server.requests[0].body
    assert (body["top_k"], body["temperature"]) == (5, 0.0)
    assert "repetition_penalty" not in body


def test_a_schema_is_sent_as_response_format(server):
    schema = LLMManager(load_group("food_delivery"))._schema
    text = complete(
        model(server), CompletionRequest("manager", REQUEST.messages, REQUEST.sampling, 7, schema)
    ).text
    assert server.requests[0].body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": schema, "strict": True},
    }
    assert text.startswith('{"interest":5')


def test_usage_is_parsed(server):
    assert complete(model(server)) == Completion("Who is this? 7", 20, 16, 5)


def test_requests_are_concurrent():
    async def many(model: OpenAIModel) -> None:
        await asyncio.gather(*(model.acomplete(REQUEST) for _ in range(20)))

    with mock_openai_server(latency=0.2) as server:
        start = time.monotonic()
        asyncio.run(many(model(server, timeout=5.0)))
        assert time.monotonic() - start < 20 * 0.2 / 4


def test_connections_are_bounded():
    async def many(model: OpenAIModel) -> None:
        await asyncio.gather(*(model.acomplete(REQUEST) for _ in range(6)))

    with mock_openai_server(latency=0.1) as server:
        start = time.monotonic()
        asyncio.run(many(model(server, timeout=5.0, max_connections=2)))
        assert time.monotonic() - start >= 3 * 0.1


def test_a_connection_is_kept_within_an_event_loop_and_no_longer(server):
    shared = model(server)

    async def twice() -> None:
        await shared.acomplete(REQUEST)
        await shared.acomplete(REQUEST)

    asyncio.run(twice())
    asyncio.run(twice())
    first, second, third, fourth = (request.port for request in server.requests)
    assert first == second != third == fourth
    assert not any(loop.is_closed() for loop, _ in POOLS), "connections outlived their event loop"


def test_connections_are_closed_at_exit():
    program = """
import asyncio
from gsim_env.models.backends.openai import Config as OpenAIConfig
from gsim_env.util.aio import block_on
from gsim_env.testing import mock_openai_server
from tests.models.test_openai import REQUEST
with mock_openai_server() as server:
    model = OpenAIConfig(model="m", base_url=server.url, api_key="key").build()
    print(block_on(model.acomplete(REQUEST)).text, asyncio.run(model.acomplete(REQUEST)).text)
"""
    command = [sys.executable, "-W", "error", "-c", program]
    root = Path(__file__).parents[2]
    ended = subprocess.run(
        command, cwd=root, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.stdout, ended.stderr, ended.returncode) == (
        "Who is this? 7 Who is this? 7\n",
        "",
        0,
    )
