"""Pooled aiohttp sessions, one per event loop and connection limit."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from gsim_env.util.extras import import_optional_module

__all__ = ["POOLS", "pooled_http_session"]

POOLS: dict[tuple[asyncio.AbstractEventLoop, int], tuple[Any, AsyncGenerator[Any, None]]] = {}
"""Open sessions by event loop and connection limit; the models of a loop share them."""


async def pooled_http_session(max_connections: int) -> Any:
    """Return the running event loop's shared ``aiohttp`` session for a connection limit."""
    key = asyncio.get_running_loop(), max_connections
    if key not in POOLS:
        pool = _pool(key)
        POOLS[key] = await anext(pool), pool
    return POOLS[key][0]


async def _pool(key: tuple[asyncio.AbstractEventLoop, int]) -> AsyncGenerator[Any, None]:
    """Yield a session and close it when its loop shuts down.

    ``asyncio.run`` closes asynchronous generators.
    """
    aiohttp = import_optional_module("aiohttp", "openai")
    connector = aiohttp.TCPConnector(limit=key[1], keepalive_timeout=30)
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        try:
            yield session
        finally:
            del POOLS[key]
