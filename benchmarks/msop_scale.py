"""The library M_SOP with 100,000 calls in Milvus Lite: time to build, open and search it.

python -m benchmarks.msop_scale > results/msop_scale.json

Takes about ten minutes, 3.5 GB of memory and 2.5 GB of disk in temporary folders. Searches
alternate with two references in the same run: raw pymilvus and numpy. A time is the least of its
rounds, since other work on the machine can only add to it.
"""

import gc
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.msop_data import (
    CALLS,
    CLUSTERS,
    DIMENSIONS,
    SEED,
    STEPS,
    K,
    archetypes,
    call_id,
    corpus,
    customers,
    requests,
)
from gsim_env.sop import Search
from gsim_env.sop.library import Indexed
from gsim_env.sop.milvus import MilvusLibrary, build_lite
from tests.benchmarks.timing import Stopwatch, least

SINGLE, BATCH, ROUNDS = 50, 64, 3
KEY = "scale"
PACKAGES = ("gsim-env", "pymilvus", "milvus-lite", "numpy")
NOTES = (
    "Three steps per call, not seven as in a recorded call: turns would take 2.5 times as much.",
    "Times: the least of three rounds, functions in turn; median over 50 requests or 3 batches.",
    "Other work ran on the machine (load_average, before and after): compare ratios and CPU time.",
    "with_chains: the search, and fetching all turns of the calls; numpy has the turns in memory.",
    "by_archetype: as the simulator asks, one search for each of the 5 archetypes in a batch.",
)

SearchFunction = Callable[[Sequence[Search]], Any]


def opened() -> MilvusLibrary:
    """Open the library that was built before; this does not need the corpus."""
    return MilvusLibrary.open(Indexed([], np.empty((0, DIMENSIONS), np.float32), []), KEY)


def resident(key: str) -> int:
    """Return this process's memory in MB: now (``VmRSS``) or at its peak (``VmHWM``)."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    line = next(line for line in lines if line.startswith(key))
    return round(int(line.split()[1]) / 1024)


def megabytes(folder: Path) -> int:
    """Return the size of a folder in MB."""
    return round(sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 2**20)


def build() -> dict[str, Any]:
    """Time the building of the library."""
    indexed = corpus()
    before = resident("VmRSS")
    with Stopwatch() as watch:
        template = build_lite(indexed, KEY)
    return {
        "seconds": round(watch.wall, 1),
        "cpu_seconds": round(watch.cpu, 1),
        "disk_mb": megabytes(template),
        "disk_mb_of_profiles": megabytes(template / "collections" / f"gsim_{KEY}_profiles"),
        "disk_mb_of_turns": megabytes(template / "collections" / f"gsim_{KEY}_turns"),
        "peak_rss_mb": resident("VmHWM"),
        "rss_mb_of_the_corpus_before": before,
    }


def open_and_search() -> dict[str, Any]:
    """Time the opening and the first search of the library."""
    before = resident("VmRSS")
    with Stopwatch() as opening:
        library = opened()
    after = resident("VmRSS")

    with Stopwatch() as first:
        library.search(requests(1, 9, filtered=True))
    for stream in range(10):
        library.search(requests(BATCH, stream, filtered=True))
    return {
        "seconds": round(opening.wall, 2),
        "cpu_seconds": round(opening.cpu, 2),
        "first_search_seconds": round(first.wall, 2),
        "peak_rss_mb": resident("VmHWM"),
        "rss_mb_opened": after,
        "rss_mb_before": before,
    }


def copy() -> dict[str, Any]:
    """Time the copy that ``MilvusLibrary.open`` makes.

    The files were just written, so they are read from memory.
    """
    template = build_lite(Indexed([], np.empty(0), []), KEY)
    watches = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder, Stopwatch() as watch:
            shutil.copytree(template, Path(folder) / "copy")
        watches.append(watch)
    wall, cpu = least(watches)
    return {"mb": megabytes(template), "seconds": round(wall, 2), "cpu_seconds": round(cpu, 2)}


def by_archetype(asked: Sequence[Search]) -> Iterator[tuple[str | None, list[int]]]:
    """Yield each archetype with the indices of its searches."""
    for archetype in dict.fromkeys(request.archetype for request in asked):
        yield (
            archetype,
            [row for row, request in enumerate(asked) if request.archetype == archetype],
        )


class Raw:
    """Raw pymilvus on the same two collections: one search per archetype, one query by keys.

    It repeats the library's calls on purpose, as the reference that the library is compared with.
    """

    def __init__(self, library: MilvusLibrary) -> None:
        """Use the client and the collections of ``library``."""
        self.client = library._client
        self.profiles, self.turns = library._profiles, library._turns

    def nearest(self, asked: Sequence[Search]) -> list[Any]:
        """Return the hits of each search."""
        results: list[Any] = [None] * len(asked)
        for archetype, rows in by_archetype(asked):
            answers = self.client.search(
                self.profiles,
                [asked[row].vector.tolist() for row in rows],
                limit=K,
                filter=f'archetype == "{archetype}"' if archetype else "",
                output_fields=["steps"],
            )
            for row, hits in zip(rows, answers, strict=True):
                results[row] = hits
        return results

    def search(self, asked: Sequence[Search]) -> tuple[list[Any], dict[str, tuple[str, Any]]]:
        """Return the hits of each search, and all turns of the calls in them."""
        results = self.nearest(asked)
        steps = {hit["call_id"]: hit["entity"]["steps"] for hit in chain.from_iterable(results)}
        keys: list[str] = []
        for call, number in steps.items():
            keys += [f"{call}/{step:04d}" for step in range(number)]
        rows = self.client.query(
            self.turns, filter=f"id in {json.dumps(keys)}", output_fields=["step", "vector"]
        )
        return results, {row["id"]: (row["step"], row["vector"]) for row in rows}


class Exact:
    """Brute force with numpy: one matrix per archetype, and all chains in memory."""

    def __init__(self) -> None:
        """Compute the matrices."""
        vectors, kinds = customers()
        self.tables: dict[str | None, tuple[Any, Any]] = {None: (np.arange(CALLS), vectors)}
        for kind, name in enumerate(archetypes()):
            rows = np.flatnonzero(kinds == kind)
            self.tables[name] = rows, vectors[rows]

    def nearest(self, asked: Sequence[Search]) -> list[list[str]]:
        """Return the ids of the nearest calls of each search."""
        results: list[list[str]] = [[]] * len(asked)
        for archetype, rows in by_archetype(asked):
            calls, matrix = self.tables[archetype]
            similarities = np.stack([asked[row].vector for row in rows]) @ matrix.T
            top = np.argpartition(similarities, -K, axis=1)[:, -K:]
            order = np.argsort(-np.take_along_axis(similarities, top, axis=1), axis=1)
            for row, best in zip(rows, np.take_along_axis(top, order, axis=1), strict=True):
                results[row] = [call_id(calls[index]) for index in best]
        return results


def least_times(
    functions: dict[str, SearchFunction], asked: Sequence[Search]
) -> dict[str, tuple[float, float]]:
    """Run all functions in turn, each round in another order; return the least times of each."""
    watches: dict[str, list[Stopwatch]] = {name: [] for name in functions}
    order = list(functions.items())
    for _ in range(ROUNDS):
        for name, function in order:
            with Stopwatch() as watch:
                function(asked)
            watches[name].append(watch)
        order.append(order.pop(0))
    return {name: least(of_function) for name, of_function in watches.items()}


def compare(
    functions: dict[str, SearchFunction], batches: Sequence[Sequence[Search]]
) -> dict[str, float]:
    """Return the median milliseconds of each function over ``batches``, and ratios of ours."""
    times = [least_times(functions, asked) for asked in batches]
    wall, cpu = (
        {name: 1e3 * float(np.median([t[name][i] for t in times])) for name in functions}
        for i in (0, 1)
    )
    return {
        **{f"{name}_ms": round(wall[name], 2) for name in functions},
        **{f"{name}_cpu_ms": round(cpu[name], 2) for name in functions},
        "ours_by_raw_pymilvus": round(wall["ours"] / wall["raw_pymilvus"], 3),
        "ours_by_raw_pymilvus_goal": 1.3,
        "ours_by_numpy": round(wall["ours"] / wall["numpy"], 1),
    }


def agreement(
    library: MilvusLibrary, raw: Raw, exact: Exact, asked: Sequence[Search]
) -> dict[str, float]:
    """Return the recall of both against brute force, and how often their orders agree.

    Also checks that our chains hold the same vectors as raw pymilvus' turns.
    """
    truth, ours = exact.nearest(asked), library.search(asked)
    theirs, turns = raw.search(asked)
    for hit in chain.from_iterable(ours):
        vectors = [turns[f"{hit.chain.call_id}/{step:04d}"][1] for step in range(STEPS)]
        np.testing.assert_array_equal(hit.chain.vectors, np.array(vectors, dtype=np.float32))

    our_ids = [[hit.chain.call_id for hit in hits] for hits in ours]
    raw_ids = [[hit["call_id"] for hit in hits] for hits in theirs]

    return {
        "requests": len(asked),
        "recall_of_ours": recall(our_ids, truth),
        "recall_of_raw_pymilvus": recall(raw_ids, truth),
        "share_with_the_order_of_raw_pymilvus": share_equal(our_ids, raw_ids),
        "share_with_the_order_of_numpy": share_equal(our_ids, truth),
    }


def recall(results: list[list[str]], truth: list[list[str]]) -> float:
    """Return the mean share of the true top K that was found, whatever the order."""
    shares = [len({*ids} & {*best}) / K for ids, best in zip(results, truth, strict=True)]
    return float(np.mean(shares))


def share_equal(a: list[list[str]], b: list[list[str]]) -> float:
    """Return the share of searches with the same ids in the same order."""
    return float(np.mean([ids == other for ids, other in zip(a, b, strict=True)]))


def search() -> dict[str, Any]:
    """Compare the three in one process; pymilvus and our library share the server."""
    library, exact = opened(), Exact()
    raw = Raw(library)
    everything: dict[str, SearchFunction] = {
        "ours": library.search,
        "raw_pymilvus": raw.search,
        "numpy": exact.nearest,
    }
    search_only: dict[str, SearchFunction] = {
        "ours": library._nearest,
        "raw_pymilvus": raw.nearest,
        "numpy": exact.nearest,
    }
    figures: dict[str, Any] = {}
    gc.collect()
    gc.freeze()

    for filtered in (True, False):
        singles = [[request] for request in requests(SINGLE, 0, filtered=filtered)]
        batches = [requests(BATCH, stream, filtered=filtered) for stream in range(1, 4)]
        figures["by_archetype" if filtered else "of_all"] = {
            "agreement": agreement(library, raw, exact, [*chain(*singles, *batches)]),
            "single_with_chains": compare(everything, singles),
            "single_search_only": compare(search_only, singles),
            f"batch_of_{BATCH}_with_chains": compare(everything, batches),
            f"batch_of_{BATCH}_search_only": compare(search_only, batches),
        }
    return figures


def main() -> None:
    """Run each part in a separate process, to measure its peak of memory, and print the results."""
    start, load = time.perf_counter(), os.getloadavg()[0]
    parts = {"build": build, "copy": copy, "open": open_and_search, "top5": search}
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="msop_cache_") as cache:
        os.environ["GSIM_CACHE"] = cache
        for name, part in parts.items():
            print(f"{name} ...", file=sys.stderr)
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
                results[name] = process.submit(part).result()

    head = {
        "command": "python -m benchmarks.msop_scale",
        "seed": SEED,
        **{name: version(name) for name in PACKAGES},
        "cores": os.cpu_count(),
        "load_average": [round(load, 1), round(os.getloadavg()[0], 1)],
        "calls": CALLS,
        "steps_a_call": STEPS,
        "dimensions": DIMENSIONS,
        "clusters": CLUSTERS,
        "index": "FLAT, COSINE",
        "k": K,
        "notes": list(NOTES),
    }
    minutes = round((time.perf_counter() - start) / 60, 1)
    print(json.dumps({**head, **results, "minutes": minutes}, indent=1))


if __name__ == "__main__":
    main()
