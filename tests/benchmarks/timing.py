"""Timing for the benchmarks: a stopwatch, and interleaved runs of several functions."""

import gc
import time
from collections.abc import Callable
from typing import Any, Self


class Stopwatch:
    """Measures the wall time and CPU time (all threads) of a ``with`` block, in seconds."""

    def __enter__(self) -> Self:
        self._start = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        wall, cpu = self._start
        self.wall = time.perf_counter() - wall
        self.cpu = time.process_time() - cpu


def least(watches: list[Stopwatch]) -> tuple[float, float]:
    """Return the least wall and CPU time: other work on the machine can only add to them."""
    return min(watch.wall for watch in watches), min(watch.cpu for watch in watches)


def interleaved(
    benchmark: Any, ours: Callable[[], Stopwatch], *references: Callable[[], Stopwatch]
) -> list[tuple[float, float]]:
    """Return the least wall and CPU times of ``ours`` and of each reference, in this order.

    All run in turn, five times (once if benchmarks are disabled). Objects that existed before are
    excluded from garbage collection meanwhile, because every run would scan pytest's heap again.
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
