"""What the benchmarks share: a stopwatch, and taking our time beside a reference's in one run."""

import gc
import time
from collections.abc import Callable
from typing import Any, Self


class Stopwatch:
    """Seconds on the wall, and of this process's CPU (all threads), within a ``with`` block."""

    def __enter__(self) -> Self:
        self._start = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall, self.cpu = (
            time.perf_counter() - self._start[0],
            time.process_time() - self._start[1],
        )


def least(watches: list[Stopwatch]) -> tuple[float, float]:
    """Return the least wall and CPU time: what else a machine does only ever adds to them."""
    return min(watch.wall for watch in watches), min(watch.cpu for watch in watches)


def beside(
    benchmark: Any, ours: Callable[[], Stopwatch], *references: Callable[[], Stopwatch]
) -> list[tuple[float, float]]:
    """Run all in turn, five times (once where benchmarks are disabled).

    Return the least times of each, ours first.

    What is in memory before is kept out of garbage collection meanwhile: the heap of pytest and of
    all the tests would be searched again and again, by ours and the references alike. What they
    themselves leave behind is collected as ever.
    """
    watches: list[list[Stopwatch]] = [[] for _ in (ours, *references)]

    def run_references() -> None:
        for reference, taken in zip(references, watches[1:], strict=True):
            taken.append(reference())

    gc.collect()
    gc.freeze()
    benchmark.pedantic(lambda: watches[0].append(ours()), setup=run_references, rounds=5)
    gc.unfreeze()
    return [least(taken) for taken in watches]
