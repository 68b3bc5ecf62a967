"""Turning a function over batches into one that single callers await.

Whatever waits at the same time goes as one call.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

__all__ = ["Batcher"]

T = TypeVar("T")
R = TypeVar("R")
Waiting = list[tuple[T, asyncio.Future[R]]]


class Batcher(Generic[T, R]):
    """Collects items until the event loop has nothing else to do, then calls ``function`` once with
    all of them.

    While a call runs, what arrives is collected for the next. The calls run in one worker thread,
    so the event loop stays free; a function that is fast and pure may run in the loop itself
    (``in_loop``).

    Args:
        function: Takes the items and returns one result each, in order.
        in_loop: Run it in the event loop instead of a thread.
    """

    def __init__(
        self, function: Callable[[list[T]], Sequence[R]], *, in_loop: bool = False
    ) -> None:
        """Make an idle batcher; it serves any number of event loops, each with its own queue."""
        self._function = function
        self._executor = (
            None if in_loop else ThreadPoolExecutor(max_workers=1, thread_name_prefix="gsim-batch")
        )
        self._queues: WeakKeyDictionary[asyncio.AbstractEventLoop, Waiting[T, R]] = (
            WeakKeyDictionary()
        )
        self._busy: WeakKeyDictionary[asyncio.AbstractEventLoop, bool] = WeakKeyDictionary()

    async def __call__(self, item: T) -> R:
        """Return the result for one item.

        An exception of the batch is raised to each of its callers.
        """
        loop = asyncio.get_running_loop()
        queue = self._queues.setdefault(loop, [])
        future: asyncio.Future[R] = loop.create_future()
        queue.append((item, future))
        if len(queue) == 1 and not self._busy.get(loop):
            # Twice: the callbacks that are ready now run before the first, what they wake runs before the second.
            loop.call_soon(loop.call_soon, self._flush, loop)
        return await future

    def _flush(self, loop: asyncio.AbstractEventLoop) -> None:
        queue = self._queues.get(loop)
        if not queue or self._busy.get(loop):
            return
        batch, queue[:] = list(queue), []
        items = [item for item, _ in batch]
        if self._executor is None:
            try:
                self._settle(batch, self._function(items), None)
            except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the callers
                self._settle(batch, (), error)
            return
        self._busy[loop] = True
        call = loop.run_in_executor(self._executor, self._function, items)

        def finish(done: "asyncio.Future[Sequence[R]]") -> None:
            self._busy[loop] = False
            error = done.exception()
            self._settle(batch, () if error else done.result(), error)
            loop.call_soon(self._flush, loop)

        call.add_done_callback(finish)

    @staticmethod
    def _settle(batch: Waiting[T, R], results: Sequence[R], error: BaseException | None) -> None:
        for index, (_, future) in enumerate(batch):
            if future.done():  # its caller was cancelled meanwhile
                continue
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(results[index])
