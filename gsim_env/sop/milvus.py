"""M_SOP in Milvus.

A collection of profiles, one of turns. Milvus Lite in a folder, or a server by its URI.
"""

import hashlib
import itertools
import json
import logging
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

import numpy as np

from gsim_env.errors import SimulatorError
from gsim_env.sop.chain import BehaviorChain, ChainStep
from gsim_env.sop.library import Hit, Indexed, Search
from gsim_env.util.cache import cache_folder
from gsim_env.util.extras import loading, require

__all__ = ["MilvusLibrary", "build_lite", "fill"]

LAYOUT = 2
"""Part of the key.

Raise it with any change of the collections' columns, and what was built before is not opened.
"""

INSERT_ROWS = 1000
QUERY_ROWS = 4096
"""A Milvus server bounds a query's rows (16,384) and bytes (64 MB, its filter included): a quarter
leaves room for long texts and wide vectors, and still takes what 64 resets at once need in one
query."""

QUIET = {"grpc.keepalive_time_ms": 2**31 - 1}
"""Lite answers pymilvus's keep-alive pings, one in ten seconds, by closing the connection, and gRPC prints that."""

TEXT = 4096


class MilvusLibrary:
    """M_SOP behind a Milvus client.

    A batch of requests costs one vector search an archetype, and one query or a few.

    Args:
        client: A ``pymilvus.MilvusClient``.
        prefix: The collections are ``{prefix}_profiles`` and ``{prefix}_turns``.
    """

    def __init__(self, client: Any, prefix: str) -> None:
        """Load both collections into the server's memory."""
        self._client, self._profiles, self._turns = client, f"{prefix}_profiles", f"{prefix}_turns"
        for name in (self._profiles, self._turns):
            client.load_collection(name)

    @classmethod
    def open(cls, indexed: Indexed, key: str, uri: str | None = None) -> "MilvusLibrary":
        """Open the library of a corpus, building it first if it is not there.

        Args:
            indexed: The corpus and its embeddings.
            key: Identifies both (a hash): what was built under another key is another library.
            uri: A Milvus server (``http://host:19530``); ``None`` for Milvus Lite in the cache
                folder. Lite locks its folder to one process, so each process opens a copy of its
                own, removed at its end.

        Raises:
            ImportError: if the extra ``embedded`` is not installed.
            SimulatorError: if Milvus does not answer.
        """
        prefix = f"gsim_{key}"
        pymilvus = require("pymilvus", "embedded")
        try:
            if uri is None:
                template = build_lite(indexed, key)
                private = Path(tempfile.mkdtemp(prefix="gsim-sop-")) / template.name
                shutil.copytree(template, private)
                # Not atexit: a forked worker ends without it, and would leave its copy behind.
                Finalize(None, release, args=(private,), exitpriority=10)
                return cls(pymilvus.MilvusClient(str(private), grpc_options=QUIET), prefix)
            client = pymilvus.MilvusClient(uri)
            if not client.has_collection(f"{prefix}_turns"):
                fill(client, indexed, prefix)
            return cls(client, prefix)
        except pymilvus.MilvusException as error:
            raise SimulatorError(
                f"Milvus at {uri or 'the cache folder'} failed: {error}"
            ) from error

    def search(self, requests: Sequence[Search]) -> list[list[Hit]]:
        """Return K_p for each request, most similar first.

        Raises:
            SimulatorError: if Milvus does not answer.
        """
        pymilvus = require("pymilvus", "embedded")
        try:
            found = self._nearest(requests)
            chains = self._chains({call_id: steps for hits in found for call_id, steps, _ in hits})
        except pymilvus.MilvusException as error:
            raise SimulatorError(
                f"Milvus could not answer {len(requests)} searches: {error}"
            ) from error
        return [
            [Hit(chains[call_id], similarity) for call_id, _, similarity in hits] for hits in found
        ]

    def _nearest(self, requests: Sequence[Search]) -> list[list[tuple[str, int, float]]]:
        """Search by groups that share k and archetype, each one call.

        Keep the order of ``requests``.

        Returns:
            For each request, the nearest calls: their ids, how many steps their chains have, their
            similarities.
        """
        found: list[list[tuple[str, int, float]]] = [[] for _ in requests]

        def shared(row: int) -> tuple[int, str]:
            return requests[row].k, requests[row].archetype or ""

        for (k, archetype), rows in itertools.groupby(
            sorted(range(len(requests)), key=shared), key=shared
        ):
            at = list(rows)
            answers = self._client.search(
                self._profiles,
                [requests[row].vector.tolist() for row in at],
                limit=k,
                filter=f"archetype == {json.dumps(archetype)}" if archetype else "",
                output_fields=["steps"],
            )
            for row, hits in zip(at, answers, strict=True):
                found[row] = [
                    (hit["call_id"], hit["entity"]["steps"], float(hit["distance"])) for hit in hits
                ]
        return found

    def _chains(self, lengths: dict[str, int]) -> dict[str, BehaviorChain]:
        """Fetch the chains of calls, given their lengths.

        By primary key, as any other filter reads all turns there are.
        """
        ids = {
            call_id: [turn_id(call_id, step) for step in range(steps)]
            for call_id, steps in lengths.items()
        }
        rows: dict[str, dict[str, Any]] = {}
        every = list(itertools.chain.from_iterable(ids.values()))
        for start in range(0, len(every), QUERY_ROWS):
            wanted = json.dumps(every[start : start + QUERY_ROWS])
            # pymilvus fills a row's vector in as the row is first read, by its place: sorting first would mix them up.
            for row in self._client.query(
                self._turns, filter=f"id in {wanted}", output_fields=["step", "vector"]
            ):
                rows[row["id"]] = row
        if missing := [turn for turn in every if turn not in rows]:
            raise SimulatorError(
                f"{self._turns} lacks {missing[0]!r}: remove what was built and open it again"
            )
        return {
            call_id: chain_of(call_id, [rows[turn] for turn in turns])
            for call_id, turns in ids.items()
        }


def chain_of(call_id: str, rows: Sequence[dict[str, Any]]) -> BehaviorChain:
    """Make a chain of its rows, in order."""
    vectors = np.array([row["vector"] for row in rows], dtype=np.float32)
    return BehaviorChain(
        call_id, tuple(ChainStep(**json.loads(row["step"])) for row in rows), vectors
    )


def turn_id(call_id: str, step: int) -> str:
    """Return the primary key of a turn."""
    return f"{call_id}/{step:04d}"


def build_lite(indexed: Indexed, key: str) -> Path:
    """Return the Milvus Lite folder of a corpus in the cache, built if it is not there.

    Complete or absent, never part.
    """
    template = cache_folder("sop") / f"{key}.db"
    if not template.is_dir():
        logging.getLogger("pymilvus").setLevel(
            logging.CRITICAL
        )  # Lite lacks AllocTimestamp; pymilvus logs a traceback
        pymilvus = require("pymilvus", "embedded")
        folder = Path(tempfile.mkdtemp(dir=template.parent, prefix="building-"))
        with loading(f"M_SOP of {len(indexed.calls)} calls into Milvus Lite, once"):
            partial = folder / template.name
            client = pymilvus.MilvusClient(str(partial), grpc_options=QUIET)
            fill(client, indexed, f"gsim_{key}")
            client.close()
            release(partial, remove=False)
            if not template.is_dir():
                partial.rename(template)
            shutil.rmtree(folder, ignore_errors=True)
    return template


def release(path: Path, *, remove: bool = True) -> None:
    """Give up Lite's lock on a folder (closing the client does not), and remove the folder and its parent if asked to."""
    manager = require("milvus_lite.server_manager", "embedded").server_manager_instance
    manager.release_server(str(path))
    if remove:
        shutil.rmtree(path.parent, ignore_errors=True)


def fill(client: Any, indexed: Indexed, prefix: str) -> None:
    """Create both collections and insert the corpus, the turns last.

    ``{prefix}_turns`` exists only once all is there.
    """
    dimensions = int(indexed.profiles.shape[1])
    chains = indexed.chains()
    profiles = (
        {
            "call_id": call.id,
            "archetype": call.profile.archetype,
            "steps": len(chain.steps),
            "vector": vector.tolist(),
        }
        for call, chain, vector in zip(indexed.calls, chains, indexed.profiles, strict=True)
    )
    create(
        client,
        f"{prefix}_profiles",
        dimensions,
        {"call_id": 256, "archetype": 256, "steps": None},
        profiles,
    )
    turns = (
        {
            "id": turn_id(chain.call_id, position),
            "step": json.dumps({name: getattr(step, name) for name in ChainStep.__slots__}),
            "vector": vector.tolist(),
        }
        for chain in chains
        for position, (step, vector) in enumerate(zip(chain.steps, chain.vectors, strict=True))
    )
    partial = f"{prefix}_turns_partial"
    create(client, partial, dimensions, {"id": 300, "step": 4 * TEXT}, turns)
    client.rename_collection(partial, f"{prefix}_turns")


def create(
    client: Any,
    name: str,
    dimensions: int,
    columns: dict[str, int | None],
    rows: Iterator[dict[str, Any]],
) -> None:
    """Create a collection and fill it.

    Args:
        client: A ``pymilvus.MilvusClient``.
        name: What the collection is called; one of that name is dropped.
        dimensions: How many its column ``vector`` has.
        columns: Its other columns, the primary key first: the greatest length of a text, ``None``
            for a whole number.
        rows: What it is filled with.
    """
    data_type = require("pymilvus", "embedded").DataType
    if client.has_collection(name):  # left by a build that was cut off
        client.drop_collection(name)
    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    for position, (column, length) in enumerate(columns.items()):
        text = {"datatype": data_type.VARCHAR, "max_length": length}
        schema.add_field(
            column, is_primary=position == 0, **(text if length else {"datatype": data_type.INT64})
        )
    schema.add_field("vector", data_type.FLOAT_VECTOR, dim=dimensions)
    index = client.prepare_index_params()
    index.add_index("vector", index_type="FLAT", metric_type="COSINE")
    client.create_collection(name, schema=schema, index_params=index)
    while batch := list(itertools.islice(rows, INSERT_ROWS)):
        client.insert(name, batch)


def library_key(digest: str, encoder: str) -> str:
    """Return the key of a group's library.

    Its corpus and encoder, and how it is laid out, hashed.
    """
    return hashlib.sha256(f"{LAYOUT}:{digest}:{encoder}".encode()).hexdigest()[:16]
