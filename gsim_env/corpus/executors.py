"""Executors: where chunks are annotated, in this process or on a Ray cluster with Ray Data."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from gsim_env.errors import unknown_name_error
from gsim_env.util.extras import import_optional_module

__all__ = ["ENGINES", "run_chunks"]

ENGINES = ("local", "ray")

S = TypeVar("S")
ChunkFunction = Callable[[Path], None]


def run_chunks(
    engine: str, worker: Callable[[S], ChunkFunction], settings: S, chunks: Sequence[Path]
) -> Iterator[int]:
    """Process each chunk with ``worker(settings)``; yield the number of finished chunks.

    Args:
        engine: ``"local"``, or ``"ray"``: then all machines must share the folder of the build.
        worker: Creates the function that processes a chunk; called once per process.
        settings: Its argument.
        chunks: The files.

    Raises:
        ConfigurationError: if the engine is unknown.
        ImportError: if the engine is ``"ray"`` and Ray is absent.
    """
    if engine not in ENGINES:
        raise unknown_name_error("engine", engine, ENGINES)
    if engine == "ray":
        yield from _run_on_ray(worker, settings, chunks)
        return

    process = worker(settings)
    for finished, chunk in enumerate(chunks, start=1):
        process(chunk)
        yield finished


def _run_on_ray(
    worker: Callable[[S], ChunkFunction], settings: S, chunks: Sequence[Path]
) -> Iterator[int]:
    class Actor:
        """One worker of the cluster."""

        def __init__(self) -> None:
            self._process = worker(settings)

        def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
            self._process(Path(row["chunk"]))
            return row

    dataset = import_optional_module("ray.data", "ray").from_items(
        [{"chunk": str(chunk)} for chunk in chunks]
    )
    results = dataset.map(Actor, concurrency=(1, len(chunks)))
    for finished, _ in enumerate(results.iter_rows(), start=1):
        yield finished
