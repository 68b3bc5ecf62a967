"""M_SOP of 100,000 calls in Milvus Lite.

Building it, opening it, and searching it beside raw pymilvus and numpy.

python -m benchmarks.msop_scale > results/msop_scale.json

Takes some ten minutes, 3.5 GB of memory and 2.5 GB of disk, in temporary folders. Each search is
timed beside its references in the same run, in turn; a time is the least of its rounds, for what
else a machine does only adds to it.
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
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsim_env.groups import load_group
from gsim_env.profiles import RecordedCall
from gsim_env.sop import Search
from gsim_env.sop.library import Indexed
from gsim_env.sop.milvus import MilvusLibrary, build_lite
from tests.benchmarks.timing import Stopwatch, least

SEED, CALLS, STEPS, DIMENSIONS, CLUSTERS = 0, 100_000, 3, 384, 200
SPREAD = 0.8
"""How far a vector lies from its cluster's center.

Two of a cluster have a cosine of 1 / (1 + 0.8^2) = 0.6.
"""

K, SINGLE, BATCH, ROUNDS = 5, 50, 64, 3
KEY = "scale"
Way = Callable[[Sequence[Search]], Any]


def clustered(rng: np.random.Generator, clusters: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return a unit vector of each cluster named, made in parts.

    A second copy would be in the peak of memory.
    """
    centers = np.random.default_rng(SEED).standard_normal((CLUSTERS, DIMENSIONS)) / np.sqrt(
        DIMENSIONS
    )
    vectors = rng.standard_normal((len(clusters), DIMENSIONS), dtype=np.float32)
    for start in range(0, len(clusters), 1000):
        part = vectors[start : start + 1000]
        part *= SPREAD / np.sqrt(DIMENSIONS)
        part += centers[clusters[start : start + 1000]]
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return vectors


def customers() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the vectors of all profiles and their archetypes, by number.

    A cluster's own, or one time in five any.
    """
    rng = np.random.default_rng([SEED, 1])
    clusters, any_of = (
        rng.integers(CLUSTERS, size=CALLS),
        rng.integers(len(archetypes()), size=CALLS),
    )
    own = rng.random(CALLS) < 0.8
    return clustered(rng, clusters), np.where(own, clusters % len(archetypes()), any_of)


def archetypes() -> list[str]:
    return list(load_group("food_delivery").config.archetypes)


def corpus() -> Indexed:
    """Return the corpus.

    Real exchanges in calls that were never made, each step with a vector of its own.
    """
    rng, calls = np.random.default_rng([SEED, 2]), load_group("food_delivery").calls
    people = {call.profile.archetype: call.profile for call in calls}
    exchanges = [
        pair for call in calls for pair in zip(call.turns[::2], call.turns[1::2], strict=False)
    ]
    profiles, kinds = customers()
    names, drawn = archetypes(), rng.integers(len(exchanges), size=(CALLS, STEPS))
    made = [
        RecordedCall(
            id=call_id(row),
            turns=tuple(turn for exchange in drawn[row] for turn in exchanges[exchange]),
            outcome="declined",
            profile=people[names[kinds[row]]],
        )
        for row in range(CALLS)
    ]
    sales = clustered(rng, np.repeat(rng.integers(CLUSTERS, size=CALLS), STEPS))
    return Indexed(made, profiles, sales.reshape(CALLS, STEPS, DIMENSIONS))


def call_id(row: int) -> str:
    return f"call-{row:06d}"


def requests(number: int, stream: int, *, filtered: bool) -> list[Search]:
    """Return searches for customers who are not in the corpus, by their archetype as the simulator does, or by none."""
    rng = np.random.default_rng([SEED, 3, stream])
    clusters, names = rng.integers(CLUSTERS, size=number), archetypes()
    return [
        Search(vector, K, names[cluster % len(names)] if filtered else None)
        for vector, cluster in zip(clustered(rng, clusters), clusters, strict=True)
    ]


def opened() -> MilvusLibrary:
    """Open what was built already: nothing of the corpus itself is needed for that."""
    return MilvusLibrary.open(Indexed([], np.empty((0, DIMENSIONS), np.float32), []), KEY)


def resident(key: str) -> int:
    """Return this process's memory in MB: now (``VmRSS``) or at its peak (``VmHWM``)."""
    line = next(
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(key)
    )
    return round(int(line.split()[1]) / 1024)


def megabytes(folder: Path) -> int:
    return round(sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 2**20)


def build() -> dict[str, Any]:
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
    """Time the copying alone, out of ``MilvusLibrary.open``.

    From files just written, thus from memory.
    """
    template, watches = build_lite(Indexed([], np.empty(0), []), KEY), []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder, Stopwatch() as watch:
            shutil.copytree(template, Path(folder) / "copy")
        watches.append(watch)
    wall, cpu = least(watches)
    return {"mb": megabytes(template), "seconds": round(wall, 2), "cpu_seconds": round(cpu, 2)}


def by_archetype(asked: Sequence[Search]) -> Iterator[tuple[str | None, list[int]]]:
    for archetype in dict.fromkeys(request.archetype for request in asked):
        yield (
            archetype,
            [row for row, request in enumerate(asked) if request.archetype == archetype],
        )


class Raw:
    """What one would write with pymilvus for these two collections.

    A search an archetype, and a query by primary keys.
    """

    def __init__(self, library: MilvusLibrary) -> None:
        self.client, self.profiles, self.turns = library._client, library._profiles, library._turns

    def nearest(self, asked: Sequence[Search]) -> list[Any]:
        found: list[Any] = [None] * len(asked)
        for archetype, rows in by_archetype(asked):
            answers = self.client.search(
                self.profiles,
                [asked[row].vector.tolist() for row in rows],
                limit=K,
                filter=f'archetype == "{archetype}"' if archetype else "",
                output_fields=["steps"],
            )
            for row, hits in zip(rows, answers, strict=True):
                found[row] = hits
        return found

    def search(self, asked: Sequence[Search]) -> tuple[list[Any], dict[str, tuple[str, Any]]]:
        found = self.nearest(asked)
        steps = {hit["call_id"]: hit["entity"]["steps"] for hits in found for hit in hits}
        wanted = [f"{call}/{step:04d}" for call, number in steps.items() for step in range(number)]
        rows = self.client.query(
            self.turns, filter=f"id in {json.dumps(wanted)}", output_fields=["step", "vector"]
        )
        return found, {row["id"]: (row["step"], row["vector"]) for row in rows}


class Exact:
    """Brute force over a matrix an archetype.

    What chains a call has lies in memory: looking it up costs nothing.
    """

    def __init__(self) -> None:
        vectors, kinds = customers()
        self.tables: dict[str | None, tuple[Any, Any]] = {None: (np.arange(CALLS), vectors)}
        for kind, name in enumerate(archetypes()):
            rows = np.flatnonzero(kinds == kind)
            self.tables[name] = rows, vectors[rows]

    def nearest(self, asked: Sequence[Search]) -> list[list[str]]:
        found: list[list[str]] = [[]] * len(asked)
        for archetype, at in by_archetype(asked):
            calls, matrix = self.tables[archetype]
            similarities = np.stack([asked[row].vector for row in at]) @ matrix.T
            some = np.argpartition(similarities, -K, axis=1)[:, -K:]
            order = np.argsort(-np.take_along_axis(similarities, some, axis=1), axis=1)
            for row, best in zip(at, np.take_along_axis(some, order, axis=1), strict=True):
                found[row] = [call_id(calls[one]) for one in best]
        return found


def beside(ways: dict[str, Way], asked: Sequence[Search]) -> dict[str, tuple[float, float]]:
    """Time all ways in turn, each round in another order.

    Return the least wall and CPU time of each.
    """
    taken: dict[str, list[Stopwatch]] = {name: [] for name in ways}
    order = list(ways.items())
    for _ in range(ROUNDS):
        for name, way in order:
            with Stopwatch() as watch:
                way(asked)
            taken[name].append(watch)
        order.append(order.pop(0))
    return {name: least(watches) for name, watches in taken.items()}


def compare(ways: dict[str, Way], many: Sequence[Sequence[Search]]) -> dict[str, float]:
    """Return the median over ``many`` of each way's milliseconds, and ours by the others'."""
    times = [beside(ways, asked) for asked in many]
    wall, cpu = (
        {name: 1e3 * float(np.median([one[name][i] for one in times])) for name in ways}
        for i in (0, 1)
    )
    return {
        **{f"{name}_ms": round(wall[name], 2) for name in ways},
        **{f"{name}_cpu_ms": round(cpu[name], 2) for name in ways},
        "ours_by_raw_pymilvus": round(wall["ours"] / wall["raw_pymilvus"], 3),
        "ours_by_raw_pymilvus_goal": 1.3,
        "ours_by_numpy": round(wall["ours"] / wall["numpy"], 1),
    }


def agreement(
    library: MilvusLibrary, raw: Raw, exact: Exact, asked: Sequence[Search]
) -> dict[str, float]:
    """Return the recall of both beside brute force, and how often all is the same.

    The order too, and raw's turns.
    """
    ours, (theirs, turns), truth = library.search(asked), raw.search(asked), exact.nearest(asked)
    found = [[hit.chain.call_id for hit in hits] for hits in ours]
    other = [[hit["call_id"] for hit in hits] for hits in theirs]
    for hits in ours:
        for hit in hits:
            vectors = [turns[f"{hit.chain.call_id}/{step:04d}"][1] for step in range(STEPS)]
            np.testing.assert_array_equal(hit.chain.vectors, np.array(vectors, dtype=np.float32))

    def recall(lists: list[list[str]]) -> float:
        return float(
            np.mean([len({*best} & {*right}) / K for best, right in zip(lists, truth, strict=True)])
        )

    return {
        "requests": len(asked),
        "recall_of_ours": recall(found),
        "recall_of_raw_pymilvus": recall(other),
        "share_with_the_order_of_raw_pymilvus": float(
            np.mean([a == b for a, b in zip(found, other, strict=True)])
        ),
        "share_with_the_order_of_numpy": float(
            np.mean([a == b for a, b in zip(found, truth, strict=True)])
        ),
    }


def search() -> dict[str, Any]:
    """Compare the three ways; one process holds them all, and pymilvus and we share the server."""
    library, exact = opened(), Exact()
    raw = Raw(library)
    everything: dict[str, Way] = {
        "ours": library.search,
        "raw_pymilvus": raw.search,
        "numpy": exact.nearest,
    }
    search_only: dict[str, Way] = {
        "ours": library._nearest,
        "raw_pymilvus": raw.nearest,
        "numpy": exact.nearest,
    }
    figures: dict[str, Any] = {}
    gc.collect()
    gc.freeze()
    for filtered in (True, False):
        singles = [[one] for one in requests(SINGLE, 0, filtered=filtered)]
        batches = [requests(BATCH, stream, filtered=filtered) for stream in range(1, 4)]
        figures["by_archetype" if filtered else "of_all"] = {
            "agreement": agreement(
                library, raw, exact, [one for asked in (*singles, *batches) for one in asked]
            ),
            "single_with_chains": compare(everything, singles),
            "single_search_only": compare(search_only, singles),
            f"batch_of_{BATCH}_with_chains": compare(everything, batches),
            f"batch_of_{BATCH}_search_only": compare(search_only, batches),
        }
    return figures


def main() -> None:
    """Do each part in a process of its own, so that each has its own peak of memory.

    Print what came of them.
    """
    start, figures, load = time.perf_counter(), {}, os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="msop_cache_") as cache:
        os.environ["GSIM_CACHE"] = cache
        for name, part in {
            "build": build,
            "copy": copy,
            "open": open_and_search,
            "top5": search,
        }.items():
            print(f"{name} ...", file=sys.stderr)
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
                figures[name] = process.submit(part).result()
    head = {
        "command": "python -m benchmarks.msop_scale",
        "seed": SEED,
        **{name: version(name) for name in ("gsim-env", "pymilvus", "milvus-lite", "numpy")},
        "cores": os.cpu_count(),
        "load_average": [round(load, 1), round(os.getloadavg()[0], 1)],
        "calls": CALLS,
        "steps_a_call": STEPS,
        "dimensions": DIMENSIONS,
        "clusters": CLUSTERS,
        "index": "FLAT, COSINE",
        "k": K,
        "notes": [
            "Three steps a call, a recorded call has seven: turns would take some 2.5 times the disk, memory and build time.",
            "Each time is the least of three rounds, all ways in turn; the median over 50 requests, or over 3 batches.",
            "Other work ran on the machine (load_average, before and after): go by ratios, and by CPU time, Lite's in it.",
            "with_chains: the search, and fetching all turns of the calls found. numpy has the turns in memory.",
            "by_archetype: as the simulator asks, one search for each of the 5 archetypes in a batch.",
        ],
    }
    print(
        json.dumps(
            {**head, **figures, "minutes": round((time.perf_counter() - start) / 60, 1)}, indent=1
        )
    )


if __name__ == "__main__":
    main()
