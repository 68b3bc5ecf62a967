"""Where chunks are worked on: in this process, or on the machines of a Ray cluster by Ray Data."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from gsim_env.errors import unknown
from gsim_env.util.extras import require

__all__ = ["ENGINES", "run_chunks"]

ENGINES = ("local", "ray")


def run_chunks(
    engine: str, worker: Callable[[Any], Callable[[Path], None]], build: Any, chunks: Sequence[Path]
) -> Iterator[int]:
    """Have ``worker(build)`` called with each chunk; yield how many are done after each.

    Args:
        engine: ``"local"``, or ``"ray"`` (the folder of the build must then be shared by all
            machines).
        worker: Makes the function for chunks; called once a process.
        build: Its argument.
        chunks: The files.

    Raises:
        ConfigurationError: if there is no such engine.
    """
    if engine not in ENGINES:
        raise unknown("engine", engine, ENGINES)
    if engine == "local":
        work = worker(build)
        for done, chunk in enumerate(chunks, start=1):
            work(chunk)
            yield done
        return
    data = require("ray.data", "ray")

    class Actor:
        def __init__(self) -> None:
            self._work = worker(build)

        def __call__(self, row: dict[str, str]) -> dict[str, str]:
            self._work(Path(row["chunk"]))
            return row

    rows = data.from_items([{"chunk": str(chunk)} for chunk in chunks])
    for done, _ in enumerate(rows.map(Actor, concurrency=(1, len(chunks))).iter_rows(), start=1):
        yield done
