"""Whether group builds that are killed at random points resume to identical files.

python -m benchmarks.killed_builds > results/killed_builds.json

Builds PersuasionForGood once undisturbed, then with ten kills. Takes about twenty minutes. Each
build has its own empty cache.
"""

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import gsim_env
from tests.data import P4G

SEED, KILLS = 0, 10
MAX_SHARE = 0.4
"""A run is killed after at most this share of the time of an undisturbed build."""


def start(out: Path, cache: Path) -> subprocess.Popen[bytes]:
    """Start a build in a separate process."""
    gsim = Path(sys.executable).with_name("gsim")
    command = [gsim, "group", "build", "--from", P4G, "--template", "charity", "--out", out]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, env={**os.environ, "GSIM_CACHE": str(cache)}, **quiet)


def report(out: Path) -> dict[str, Any]:
    """Return the report that a build has written."""
    return json.loads((out / "build.json").read_text())


def undisturbed(folder: Path) -> tuple[float, dict[str, Any]]:
    """Build once; return the seconds and the report."""
    began = time.perf_counter()
    if start(folder / "out", folder / "cache").wait():
        raise SystemExit("The undisturbed build failed.")
    return time.perf_counter() - began, report(folder / "out")


def killed(folder: Path, seconds: float) -> tuple[list[float], list[dict[str, Any]]]:
    """Build with ten kills; return the times of the kills and the reports of the finished builds.

    When a build finishes before the tenth kill, another one starts.
    """
    rng = random.Random(SEED)
    times: list[float] = []
    reports: list[dict[str, Any]] = []
    while True:
        out, cache = folder / str(len(reports)), folder / f"cache-{len(reports)}"
        process = start(out, cache)
        after = rng.uniform(0.0, MAX_SHARE * seconds) if len(times) < KILLS else None
        try:
            if process.wait(timeout=after):
                raise SystemExit("A build failed.")
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            times.append(round(after, 1))
            continue

        reports.append(report(out))
        if len(times) == KILLS:
            return times, reports


def differing_files(alone: dict[str, Any], reports: list[dict[str, Any]]) -> list[str]:
    """Return the files whose hash differs from the undisturbed build's in any report."""
    names: set[str] = set()
    for build in reports:
        names |= {name for name, sha in build["sha256"].items() if sha != alone["sha256"][name]}
    return sorted(names)


def main() -> None:
    """Print the results as JSON."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds, alone = undisturbed(folder)
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        times, reports = killed(folder, seconds)

    results = {
        "command": "python -m benchmarks.killed_builds",
        "gsim_env": gsim_env.__version__,
        "seed": SEED,
        "source": P4G.name,
        "key": alone["key"],
        "undisturbed": {
            "seconds": round(seconds, 1),
            "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
            "peak_memory_mb": round(usage.ru_maxrss / 1024),
            "load_average": round(os.getloadavg()[0], 1),
            "rows": alone["rows"],
            "sha256": alone["sha256"],
        },
        "killed": {
            "after_seconds": times,
            "builds_completed": len(reports),
            "same_hashes": all(build["sha256"] == alone["sha256"] for build in reports),
            "other_files": differing_files(alone, reports),
        },
    }
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
