"""Helpers for asyncio: coroutines in synchronous code, and generators that yield requests."""

import asyncio
import atexit
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import suppress
from typing import Any, TypeVar

__all__ = ["block_on", "drive_generator"]

T = TypeVar("T")
RequestT = TypeVar("RequestT")
AnswerT = TypeVar("AnswerT")

_loop: asyncio.AbstractEventLoop | None = None
_lock = threading.Lock()


def block_on(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in the package's event-loop thread and return its result.

    The thread makes it work where a loop is already running (notebooks, async trainers) and keeps
    pooled connections alive for the process. An interrupt cancels the coroutine.
    """
    future = asyncio.run_coroutine_threadsafe(coroutine, _event_loop())
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


async def drive_generator(
    requests: Generator[RequestT, AnswerT, T], answer: Callable[[RequestT], Awaitable[AnswerT]]
) -> T:
    """Run a generator to its end: await the answer to each yielded request and send it back.

    Returns:
        The generator's return value.
    """
    try:
        request = next(requests)
        while True:
            request = requests.send(await answer(request))
    except StopIteration as end:
        result: T = end.value
        return result


def _event_loop() -> asyncio.AbstractEventLoop:
    global _loop  # noqa: PLW0603 - one loop per process, made on first use
    with _lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="gsim-loop", daemon=True).start()
        return _loop


@atexit.register
def _close_loop() -> None:
    """Close the loop's asynchronous generators (pooled connections) when the process ends."""
    if _loop is not None:
        with suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(_loop.shutdown_asyncgens(), _loop).result(timeout=1.0)


def _forget_loop() -> None:
    """Reset the loop in a forked child, which has no copy of the thread."""
    global _loop, _lock
    _loop, _lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_forget_loop)
