"""The ``openai`` backend: any OpenAI-compatible endpoint (OpenAI, vLLM, SGLang, llama.cpp, ...).

The ``openai`` client resolves the address and the key (arguments, ``OPENAI_BASE_URL``,
``OPENAI_API_KEY``) and serves everything but chat completions. Those are posted through a pooled
aiohttp session, for ten times less CPU per request (``tests/benchmarks`` compares both).
"""

import json
import os
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json

from gsim_env.errors import SimulatorError
from gsim_env.models.http_pool import pooled_http_session
from gsim_env.models.protocol import Completion, CompletionRequest
from gsim_env.util.extras import import_optional_module

__all__ = ["Config", "EndpointError", "OpenAIModel"]

RETRIED_STATUS = frozenset({408, 409, 429})
"""Client errors that a retry can resolve; server errors (5xx) are retried too."""

MAX_WAIT = 30.0
"""Longest wait before a retry, in seconds."""

OPENAI_HOST = "api.openai.com"

PLACEHOLDER_KEY = "EMPTY"
"""API key for servers that check none, as in vLLM's documentation."""


class EndpointError(SimulatorError):
    """One failed attempt at a request to an OpenAI-compatible endpoint.

    Attributes:
        status: The HTTP status; ``None`` if no complete chat completion arrived.
        retry_after: Seconds that the server asks to wait before a retry; 0 if it names none.
    """

    def __init__(
        self, message: str, *, status: int | None = None, retry_after: float = 0.0
    ) -> None:
        """Create the error."""
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after

    @property
    def is_transient(self) -> bool:
        """Whether a retry may succeed."""
        return self.status is None or self.status in RETRIED_STATUS or self.status >= 500


class Config(BaseModel):
    """Settings of an OpenAI-compatible endpoint.

    Attributes:
        model: Name of the model as the server knows it.
        base_url: For instance ``http://localhost:8000/v1``; ``None`` for ``OPENAI_BASE_URL`` or
            OpenAI's own.
        api_key: ``None`` for ``OPENAI_API_KEY``. If that is unset too, OpenAI's own endpoint is an
            error, and every other server gets ``EMPTY``.
        timeout: Seconds for one attempt.
        max_retries: Further attempts after a timeout, a cut connection, a malformed answer, or
            status 408, 409, 429, 5xx.
        backoff: Seconds before the first retry; doubled each time, with jitter. ``Retry-After`` is
            honored up to 30 s.
        max_connections: Maximum number of requests in flight per event loop.
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
        """Build the language model of these settings, without contacting the endpoint."""
        return OpenAIModel(self)

    def resolve_key(self) -> str | None:
        """Return the API key; ``None`` leaves it to the ``openai`` client."""
        base_url = self.base_url or os.environ.get("OPENAI_BASE_URL")
        if self.api_key is not None or os.environ.get("OPENAI_API_KEY") or not base_url:
            return self.api_key
        return None if urlsplit(base_url).hostname == OPENAI_HOST else PLACEHOLDER_KEY


class OpenAIModel:
    """Language model over HTTP: chat completions of an endpoint, with bounded retries."""

    def __init__(self, config: Config) -> None:
        """Store the settings."""
        self.config = config

    @cached_property
    def client(self) -> Any:
        """The ``openai.AsyncOpenAI`` client, for all but completions (``client.models.list()``)."""
        openai = import_optional_module("openai", "openai")
        try:
            return openai.AsyncOpenAI(
                api_key=self.config.resolve_key(),
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
        return import_optional_module("aiohttp", "openai").ClientTimeout(total=self.config.timeout)

    async def acomplete(self, request: CompletionRequest) -> Completion:
        """Return one chat completion.

        Raises:
            SimulatorError: when the retries are used up, or at once for an error that a retry
                cannot resolve; its cause is the :class:`EndpointError` of the last attempt.
        """
        # pydantic's compiled serializer: prompts are long, and every request serializes one.
        payload = to_json(self._body(request))
        attempts = import_optional_module("stamina", "openai").retry_context(
            on=_wait_before_retry,
            attempts=self.config.max_retries + 1,
            timeout=None,
            wait_initial=self.config.backoff,
            wait_jitter=self.config.backoff,
            wait_max=MAX_WAIT,
        )

        number = 0
        try:
            async for attempt in attempts:
                number = attempt.num
                with attempt:
                    return await self._post(payload)
        except EndpointError as error:
            url = self._endpoint[0]
            raise SimulatorError(f"{url} failed {number} time(s), the last: {error}") from error
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _body(self, request: CompletionRequest) -> dict[str, Any]:
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

    async def _post(self, payload: bytes) -> Completion:
        """Make one attempt; raises an EndpointError if it fails."""
        aiohttp = import_optional_module("aiohttp", "openai")
        url, headers = self._endpoint
        session = await pooled_http_session(self.config.max_connections)
        try:
            async with session.post(
                url, data=payload, headers=headers, timeout=self._timeout
            ) as response:
                content = await response.read()
        except TimeoutError as error:
            raise EndpointError(f"no answer within {self.config.timeout:g} s") from error
        except aiohttp.ClientError as error:
            raise EndpointError(str(error) or type(error).__name__) from error

        if response.status != 200:
            raise _status_error(response, content)
        try:
            return _completion(json.loads(content))
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            excerpt = content[:200].decode(errors="replace")
            raise EndpointError(f"not a chat completion ({error!r}): {excerpt}") from error


def _wait_before_retry(error: Exception) -> bool | float:
    """Return whether to retry (stamina's backoff hook), or the seconds the server asks to wait."""
    if not isinstance(error, EndpointError) or not error.is_transient:
        return False
    return min(error.retry_after, MAX_WAIT) or True


def _status_error(response: Any, content: bytes) -> EndpointError:
    after = response.headers.get("Retry-After", "")
    return EndpointError(
        f"{response.status} {response.reason}: {content[:300].decode(errors='replace')}",
        status=response.status,
        retry_after=float(after) if after.replace(".", "", 1).isdigit() else 0.0,
    )


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
