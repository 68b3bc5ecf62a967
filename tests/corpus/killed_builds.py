"""Builds of PersuasionForGood: undisturbed, and killed ten times at random points.

python -m tests.corpus.killed_builds > results/killed_builds.json

Takes about twenty minutes. Each build has its own empty cache.
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

import gsim_env
from tests.data import P4G

SEED, KILLS = 0, 10
LONGEST = 0.4
"""A run is killed after up to that share of the time that an undisturbed build takes."""


def start(out: Path, cache: Path) -> subprocess.Popen[bytes]:
    gsim = Path(sys.executable).with_name("gsim")
    command = [gsim, "group", "build", "--from", P4G, "--template", "charity", "--out", out]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, env={**os.environ, "GSIM_CACHE": str(cache)}, **quiet)


def report(out: Path) -> dict[str, object]:
    return json.loads((out / "build.json").read_text())


def undisturbed(folder: Path) -> tuple[float, dict[str, object]]:
    """Build once; return the seconds it took, and its report."""
    began = time.perf_counter()
    if start(folder / "out", folder / "cache").wait():
        raise SystemExit("The undisturbed build failed.")
    return time.perf_counter() - began, report(folder / "out")


def killed(folder: Path, seconds: float) -> tuple[list[float], list[dict[str, object]]]:
    """Build, killed ten times.

    A build that ends before is followed by another. Return the times and the reports.
    """
    rng, times, reports = random.Random(SEED), [], []

    while True:
        out, cache = folder / str(len(reports)), folder / f"cache-{len(reports)}"
        process = start(out, cache)
        after = rng.uniform(0.0, LONGEST * seconds) if len(times) < KILLS else None
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


def changed(report: dict[str, object], reference: dict[str, object]) -> set[str]:
    """Return the files with another hash than in a reference build."""
    expected = reference["sha256"]
    return {name for name, sha in report["sha256"].items() if sha != expected[name]}


def main() -> None:
    """Print the figures as JSON."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds, alone = undisturbed(folder)
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        times, reports = killed(folder, seconds)
    figures = {
        "command": "python -m tests.corpus.killed_builds",
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
            "same_hashes": all(one["sha256"] == alone["sha256"] for one in reports),
            "other_files": sorted(set().union(*(changed(report, alone) for report in reports))),
        },
    }
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
