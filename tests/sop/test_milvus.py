"""M_SOP on real Milvus: Lite in two processes at once, and a server by its URI."""

import json
import multiprocessing
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from gsim_env.errors import SimulatorError
from gsim_env.models.encoders import HashingEncoder
from gsim_env.sop import MemoryLibrary, Search, milvus
from gsim_env.sop.index import index_calls
from gsim_env.sop.milvus import MilvusLibrary

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("GSIM_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="module")
def indexed(group):
    return index_calls(group.calls, HashingEncoder())


def requests(indexed):
    rng = np.random.default_rng(0)
    rows = rng.integers(len(indexed.calls), size=20)
    archetypes = [indexed.calls[row].profile.archetype if row % 2 else None for row in rows]
    sizes = (3, 5)
    return [
        Search(indexed.profiles[row], sizes[i % 2], archetype)
        for i, (row, archetype) in enumerate(zip(rows, archetypes, strict=True))
    ]


def same(found, expected):
    assert [[hit.chain.call_id for hit in hits] for hits in found] == [
        [hit.chain.call_id for hit in hits] for hits in expected
    ]
    for ours, theirs in zip(found, expected, strict=True):
        for hit, other in zip(ours, theirs, strict=True):
            assert hit.chain.steps == other.chain.steps
            np.testing.assert_allclose(hit.chain.vectors, other.chain.vectors, atol=1e-6)
            assert hit.similarity == pytest.approx(other.similarity, abs=1e-5)


def test_lite_finds_what_exact_search_finds(indexed):
    library = MilvusLibrary.open(indexed, "test")
    same(library.search(requests(indexed)), MemoryLibrary(indexed).search(requests(indexed)))
    assert library.search([Search(indexed.profiles[0], 3, 'no "such" archetype')]) == [[]]
    assert library.search([]) == []


def test_more_turns_than_a_query_may_ask_for_come_in_several(indexed, monkeypatch):
    library = MilvusLibrary.open(indexed, "slices")
    monkeypatch.setattr(milvus, "QUERY_ROWS", 50)
    asked = []
    query = library._client.query
    monkeypatch.setattr(
        library._client,
        "query",
        lambda *args, **rest: asked.append(rest["filter"]) or query(*args, **rest),
    )
    every = [Search(indexed.profiles[0], len(indexed.calls), None)]
    same(library.search(every), MemoryLibrary(indexed).search(every))
    turns = [len(json.loads(wanted.removeprefix("id in "))) for wanted in asked]
    assert sum(turns) == sum(map(len, indexed.sales))
    assert turns[:-1] == [50] * (len(turns) - 1)


def test_a_library_that_lacks_turns_is_a_simulator_error(indexed):
    library = MilvusLibrary.open(indexed, "incomplete")
    library._client.delete(library._turns, filter=f'id == "{indexed.calls[3].id}/0001"')
    with pytest.raises(SimulatorError, match=f"lacks '{indexed.calls[3].id}/0001'"):
        library.search([Search(indexed.profiles[3], 1, None)])


def open_and_search(indexed, out):
    library = MilvusLibrary.open(indexed, "shared")
    out.put([hit.chain.call_id for hit in library.search(requests(indexed)[:1])[0]])
    time.sleep(3)


def test_concurrent_processes_share_a_library_during_its_build(indexed, cache):
    context = multiprocessing.get_context("spawn")
    out = context.Queue()
    workers = [context.Process(target=open_and_search, args=(indexed, out)) for _ in range(3)]
    for worker in workers:
        worker.start()
    answers = [out.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join(timeout=30)
        assert worker.exitcode == 0
    assert answers[0] == answers[1] == answers[2]
    assert [path.name for path in (cache / "sop").glob("shared*")] == ["shared.db"]
    assert not list((cache / "sop").glob("building-*"))


@pytest.fixture
def server(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        shutil.which("milvus-lite", path=str(Path(sys.executable).parent)) or "milvus-lite",
        "server",
    ]
    command += ["--data-dir", str(tmp_path / "data"), "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.kill()
        process.wait()


def test_a_server_by_uri_and_its_failures(indexed, server):
    uri, process = server
    first = MilvusLibrary.open(indexed, "served", uri)
    second = MilvusLibrary.open(indexed, "served", uri)
    expected = MemoryLibrary(indexed).search(requests(indexed))
    same(first.search(requests(indexed)), expected)
    same(second.search(requests(indexed)), expected)
    process.kill()
    process.wait()
    with pytest.raises(SimulatorError, match="Milvus"):
        second.search(requests(indexed)[:1])
