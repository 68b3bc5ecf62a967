"""The ``openai`` backend: any OpenAI-compatible endpoint (OpenAI, vLLM, SGLang, llama.cpp, ...).

The ``openai`` client is the interface: it resolves the address and the key (arguments,
``OPENAI_BASE_URL``, ``OPENAI_API_KEY``), and its error types are the causes of ours. Plain chat
completions are posted through a pooled aiohttp session instead, for ten times less CPU a request
(``tests/benchmarks`` shows both).
"""

import asyncio
import json
import random
from collections.abc import AsyncGenerator
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json

from gsim_env.errors import SimulatorError
from gsim_env.models.protocol import Complete, Completion
from gsim_env.util.extras import require

__all__ = ["OpenAIConfig", "OpenAIModel"]

RETRIED = frozenset({408, 409, 429, 500, 502, 503, 504})
LONGEST_WAIT = 30.0


class OpenAIConfig(BaseModel):
    """Settings of an OpenAI-compatible endpoint.

    Attributes:
        model: Name of the model as the server knows it.
        base_url: For instance ``http://localhost:8000/v1``; ``None`` for ``OPENAI_BASE_URL`` or
            OpenAI's own.
        api_key: ``None`` for ``OPENAI_API_KEY``. Servers that want none take any text.
        timeout: Seconds for one attempt.
        max_retries: Further attempts after a time-out, a cut connection, a malformed answer, or
            status 408, 409, 429, 5xx.
        backoff: Seconds before the first retry; doubled each time, with jitter. ``Retry-After`` is
            honored up to 30 s.
        max_connections: Requests in flight at most, an event loop.
        extra_body: Fields added to each request; ``None`` as a value removes one. (OpenAI's own API
            takes no ``repetition_penalty``: ``{"repetition_penalty": None}``.)
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    base_url: str | None = None
    api_key: str | None = Field(default=None, repr=False)
    timeout: float = Field(default=60.0, gt=0.0)
    max_retries: int = Field(default=4, ge=0)
    backoff: float = Field(default=0.5, ge=0.0)
    max_connections: int = Field(default=512, ge=1)
    extra_body: dict[str, Any] = {}

    def build(self) -> "OpenAIModel":
        """Return the backend; nothing is contacted before the first request."""
        return OpenAIModel(self)


class OpenAIModel:
    """Chat completions over HTTP with bounded retries."""

    def __init__(self, config: OpenAIConfig) -> None:
        """Remember the settings."""
        self.config = config

    @cached_property
    def client(self) -> Any:
        """The ``openai.AsyncOpenAI`` client, for anything but plain completions (``client.models.list()``, say)."""
        openai = require("openai", "openai")
        try:
            return openai.AsyncOpenAI(
                api_key=self.config.api_key,
                base_url=self.config.base_url,
                timeout=self.config.timeout,
                max_retries=self.config.max_retries,
            )
        except openai.OpenAIError as error:
            raise SimulatorError(f"The openai client could not be made: {error}") from error

    @cached_property
    def _endpoint(self) -> tuple[str, dict[str, str]]:
        headers = {**self.client.auth_headers, **self.client.default_headers}
        headers = {key: value for key, value in headers.items() if isinstance(value, str)}
        return f"{str(self.client.base_url).rstrip('/')}/chat/completions", headers

    @cached_property
    def _timeout(self) -> Any:
        return require("aiohttp", "openai").ClientTimeout(total=self.config.timeout)

    async def acomplete(self, request: Complete) -> Completion:
        """Answer one request.

        Raises:
            SimulatorError: when the retries are used up, or at once for an error that a retry
                cannot mend; its cause is the ``openai`` error of the same meaning.
        """
        payload = to_json(
            self._body(request)
        )  # several times as fast as json.dumps, which shows: prompts are long
        attempts = self.config.max_retries + 1
        for attempt in range(attempts):
            answer, error, retry_after = await self._post(payload)
            if answer is not None:
                return answer
            if retry_after is None or attempt + 1 == attempts:
                url = self._endpoint[0]
                raise SimulatorError(
                    f"{url} failed {attempt + 1} time(s), the last: {error}"
                ) from error
            wait = self.config.backoff * 2**attempt * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not cryptography
            await asyncio.sleep(min(max(wait, retry_after), LONGEST_WAIT))
        raise AssertionError("unreachable")

    def _body(self, request: Complete) -> dict[str, Any]:
        sampling = request.sampling
        body: dict[str, Any] = {
            "model": self.config.model,
            "messages": request.messages,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_tokens,
            "seed": request.seed,
        }
        if sampling.repetition_penalty != 1.0:
            body["repetition_penalty"] = sampling.repetition_penalty
        if request.schema is not None:
            schema = {"name": "answer", "schema": request.schema, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        if self.config.extra_body:
            body.update(self.config.extra_body)
            body = {key: value for key, value in body.items() if value is not None}
        return body

    async def _post(
        self, payload: bytes
    ) -> tuple[Completion | None, Exception | None, float | None]:
        """Try once.

        The answer, or the error with the seconds to wait before a retry (``None``: do not retry).
        """
        aiohttp, openai = require("aiohttp", "openai"), require("openai", "openai")
        url, headers = self._endpoint
        session = await _session(self.config.max_connections)
        try:
            async with session.post(
                url, data=payload, headers=headers, timeout=self._timeout
            ) as response:
                text = await response.read()
                status, reason, after = (
                    response.status,
                    response.reason,
                    response.headers.get("Retry-After", ""),
                )
        except TimeoutError:
            return None, openai.APITimeoutError(request=_request(url)), 0.0
        except aiohttp.ClientError as error:
            message = str(error) or type(error).__name__
            return None, openai.APIConnectionError(message=message, request=_request(url)), 0.0
        if status != 200:
            failure = _status_error(
                url, status, f"{status} {reason}: {text[:300].decode(errors='replace')}"
            )
            seconds = float(after) if after.replace(".", "", 1).isdigit() else 0.0
            return None, failure, seconds if status in RETRIED or status > 500 else None
        try:
            return _completion(json.loads(text)), None, None
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            message = f"not a chat completion ({error!r}): {text[:200].decode(errors='replace')}"
            return None, openai.APIError(message, request=_request(url), body=None), 0.0


POOLS: dict[tuple[asyncio.AbstractEventLoop, int], tuple[Any, AsyncGenerator[Any, None]]] = {}
"""Connections belong to the event loop that uses them: models come and go, and share them."""


async def _session(max_connections: int) -> Any:
    """Return the running event loop's ``aiohttp`` session for that many connections."""
    key = asyncio.get_running_loop(), max_connections
    if key not in POOLS:
        pool = _pool(key)
        POOLS[key] = await anext(pool), pool
    return POOLS[key][0]


async def _pool(key: tuple[asyncio.AbstractEventLoop, int]) -> AsyncGenerator[Any, None]:
    """Yield a session and close it as its loop shuts down.

    ``asyncio.run`` closes asynchronous generators.
    """
    aiohttp = require("aiohttp", "openai")
    connector = aiohttp.TCPConnector(limit=key[1], keepalive_timeout=30)
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        try:
            yield session
        finally:
            del POOLS[key]


def _completion(answer: Any) -> Completion:
    usage = answer.get("usage") or {}
    details = usage.get("prompt_tokens_details") or {}
    text = answer["choices"][0]["message"]["content"]
    if text is not None and not isinstance(text, str):
        raise TypeError(f"content is {type(text).__name__}")
    return Completion(
        text or "",
        usage.get("prompt_tokens") or 0,
        details.get("cached_tokens") or 0,
        usage.get("completion_tokens") or 0,
    )


def _request(url: str) -> Any:
    return require("httpx2", "openai").Request("POST", url)


def _status_error(url: str, status: int, message: str) -> Exception:
    """Return the ``openai`` error for a status, as the client itself would raise it."""
    openai = require("openai", "openai")
    kinds = {
        400: openai.BadRequestError,
        401: openai.AuthenticationError,
        403: openai.PermissionDeniedError,
        404: openai.NotFoundError,
        409: openai.ConflictError,
        422: openai.UnprocessableEntityError,
        429: openai.RateLimitError,
    }
    kind = kinds.get(status, openai.InternalServerError if status >= 500 else openai.APIStatusError)
    response = require("httpx2", "openai").Response(status, request=_request(url))
    error: Exception = kind(message, response=response, body=None)
    return error
