"""Dynamic batching: awaitable single-item calls, grouped into one batched call."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

__all__ = ["Batcher"]

T = TypeVar("T")
R = TypeVar("R")
Queue = list[tuple[T, asyncio.Future[R]]]
"""Items and the futures that their callers await."""


class Batcher(Generic[T, R]):
    """Dynamic batching: groups concurrent single-item calls into one call of a batch function.

    Items are collected until the event loop is idle; items that arrive while a batch runs form the
    next batch. Batches run one at a time in a worker thread, so the event loop stays free. One
    batcher serves any number of event loops, each with its own queue.

    Args:
        function: Takes the items of a batch and returns one result per item, in order.
        in_loop: Run ``function`` in the event loop instead of a thread; for fast functions.
    """

    def __init__(
        self, function: Callable[[list[T]], Sequence[R]], *, in_loop: bool = False
    ) -> None:
        """Create an idle batcher."""
        self._function = function
        self._executor = (
            None if in_loop else ThreadPoolExecutor(max_workers=1, thread_name_prefix="gsim-batch")
        )
        self._queues: WeakKeyDictionary[asyncio.AbstractEventLoop, Queue[T, R]] = (
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
            # Two rounds: callbacks that are ready now run first, then those that they wake.
            loop.call_soon(loop.call_soon, self._flush, loop)
        return await future

    def _flush(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start a batch with all queued items, unless a batch is running."""
        queue = self._queues.get(loop)
        if not queue or self._busy.get(loop):
            return

        batch = list(queue)
        queue.clear()
        if self._executor is None:
            self._run_in_loop(batch)
        else:
            self._run_in_thread(loop, self._executor, batch)

    def _run_in_loop(self, batch: Queue[T, R]) -> None:
        try:
            results = self._function([item for item, _ in batch])
        except Exception as error:  # noqa: BLE001 - any error belongs to the callers
            self._resolve(batch, (), error)
        else:
            self._resolve(batch, results, None)

    def _run_in_thread(
        self, loop: asyncio.AbstractEventLoop, executor: ThreadPoolExecutor, batch: Queue[T, R]
    ) -> None:
        self._busy[loop] = True
        call = loop.run_in_executor(executor, self._function, [item for item, _ in batch])

        def finish(done: "asyncio.Future[Sequence[R]]") -> None:
            self._busy[loop] = False
            error = done.exception()
            self._resolve(batch, () if error else done.result(), error)
            loop.call_soon(self._flush, loop)

        call.add_done_callback(finish)

    @staticmethod
    def _resolve(batch: Queue[T, R], results: Sequence[R], error: BaseException | None) -> None:
        """Pass the results, or the error, to the callers of a batch."""
        if error is None and len(results) != len(batch):
            error = RuntimeError(f"{len(results)} results for a batch of {len(batch)} items")

        for index, (_, future) in enumerate(batch):
            if future.done():  # its caller was cancelled
                continue
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(results[index])
