"""M_SOP in Milvus (Milvus Lite or a server): a collection of profiles and one of turns."""

import hashlib
import itertools
import json
import logging
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

import numpy as np

from gsim_env.errors import SimulatorError
from gsim_env.sop.chain import BehaviorChain, ChainStep, steps_of
from gsim_env.sop.library import Hit, Indexed, Search
from gsim_env.util.cache import cache_folder
from gsim_env.util.extras import import_optional_module, log_loading

__all__ = ["MilvusLibrary", "build_lite", "fill"]

LAYOUT_VERSION = 2
"""Part of the key; raise it with any change of the collections' columns."""

INSERT_ROWS = 1000
QUERY_ROWS = 4096
"""Rows per query.

A Milvus server limits a query's rows (16,384) and bytes (64 MB, with the filter). A quarter leaves
room for long texts and wide vectors, and suffices for 64 concurrent resets in one query.
"""

NO_KEEPALIVE = {"grpc.keepalive_time_ms": 2**31 - 1}
"""gRPC options for Lite, which closes the connection upon keep-alive pings; gRPC prints that."""

MAX_TEXT_BYTES = 4096


class MilvusLibrary:
    """Library of behavior chains (M_SOP) in Milvus: vector search over customer profiles.

    A batch of requests needs one vector search per archetype and few queries.

    Args:
        client: A ``pymilvus.MilvusClient``.
        prefix: The collections are ``{prefix}_profiles`` and ``{prefix}_turns``.
    """

    def __init__(self, client: Any, prefix: str) -> None:
        """Load both collections into the server's memory."""
        self._client = client
        self._profiles = f"{prefix}_profiles"
        self._turns = f"{prefix}_turns"
        for name in (self._profiles, self._turns):
            client.load_collection(name)

    @classmethod
    def open(cls, indexed: Indexed, key: str, uri: str | None = None) -> "MilvusLibrary":
        """Open the Milvus library of a corpus; build it first if it does not exist.

        Args:
            indexed: The corpus and its embeddings.
            key: A hash that identifies the corpus and the embeddings.
            uri: A Milvus server (``http://host:19530``); ``None`` for Milvus Lite in the cache
                folder. Lite locks its folder to one process, so each process opens a private copy,
                which is removed at its end.

        Raises:
            ImportError: if the extra ``embedded`` is not installed.
            SimulatorError: if Milvus does not answer.
        """
        prefix = f"gsim_{key}"
        pymilvus = import_optional_module("pymilvus", "embedded")
        try:
            if uri is None:
                template = build_lite(indexed, key)
                private = Path(tempfile.mkdtemp(prefix="gsim-sop-")) / template.name
                shutil.copytree(template, private)
                # Not atexit: a forked worker ends without it, and would leave its copy behind.
                Finalize(None, release, args=(private,), exitpriority=10)
                return cls(pymilvus.MilvusClient(str(private), grpc_options=NO_KEEPALIVE), prefix)

            client = pymilvus.MilvusClient(uri)
            if not client.has_collection(f"{prefix}_turns"):
                fill(client, indexed, prefix)
            return cls(client, prefix)
        except pymilvus.MilvusException as error:
            raise SimulatorError(
                f"Milvus at {uri or 'the cache folder'} failed: {error}"
            ) from error

    def search(self, requests: Sequence[Search]) -> list[list[Hit]]:
        """Return the k chains with the most similar profiles for each request, best first.

        Raises:
            SimulatorError: if Milvus does not answer.
        """
        pymilvus = import_optional_module("pymilvus", "embedded")
        try:
            nearest = self._nearest(requests)
            hits = itertools.chain.from_iterable(nearest)
            chains = self._chains({call_id: steps for call_id, steps, _ in hits})
        except pymilvus.MilvusException as error:
            raise SimulatorError(
                f"Milvus could not answer {len(requests)} searches: {error}"
            ) from error

        def k_nearest(rows: list[tuple[str, int, float]]) -> list[Hit]:
            return [Hit(chains[call_id], similarity) for call_id, _, similarity in rows]

        return [k_nearest(rows) for rows in nearest]

    def _nearest(self, requests: Sequence[Search]) -> list[list[tuple[str, int, float]]]:
        """Search with one Milvus call for all requests of equal k and archetype.

        Returns:
            For each request, in order, the nearest calls: id, number of steps, similarity.
        """
        nearest: list[list[tuple[str, int, float]]] = [[] for _ in requests]

        def group_key(index: int) -> tuple[int, str]:
            return requests[index].k, requests[index].archetype or ""

        order = sorted(range(len(requests)), key=group_key)
        for (k, archetype), group in itertools.groupby(order, key=group_key):
            indices = list(group)
            answers = self._client.search(
                self._profiles,
                [requests[index].vector.tolist() for index in indices],
                limit=k,
                filter=f"archetype == {json.dumps(archetype)}" if archetype else "",
                output_fields=["steps"],
            )
            for index, hits in zip(indices, answers, strict=True):
                nearest[index] = [
                    (hit["call_id"], hit["entity"]["steps"], float(hit["distance"])) for hit in hits
                ]
        return nearest

    def _chains(self, lengths: dict[str, int]) -> dict[str, BehaviorChain]:
        """Fetch the chains of calls by their lengths.

        The query is by primary key; any other filter scans all turns.
        """
        ids = {
            call_id: [turn_id(call_id, step) for step in range(steps)]
            for call_id, steps in lengths.items()
        }

        rows: dict[str, dict[str, Any]] = {}
        every = list(itertools.chain.from_iterable(ids.values()))
        for start in range(0, len(every), QUERY_ROWS):
            chunk = json.dumps(every[start : start + QUERY_ROWS])
            answer = self._client.query(
                self._turns, filter=f"id in {chunk}", output_fields=["step", "vector"]
            )
            # Not sorted before: pymilvus fills in a row's vector by position when it is first read.
            for row in answer:
                rows[row["id"]] = row

        if missing := [turn for turn in every if turn not in rows]:
            raise SimulatorError(
                f"{self._turns} lacks {missing[0]!r}. Remove the library from the cache folder (or "
                "its collections from the server) and open it again."
            )
        return {
            call_id: chain_of(call_id, [rows[turn] for turn in turns])
            for call_id, turns in ids.items()
        }


def chain_of(call_id: str, rows: Sequence[dict[str, Any]]) -> BehaviorChain:
    """Return the behavior chain of one call from its Milvus rows, in order."""
    vectors = np.array([row["vector"] for row in rows], dtype=np.float32)
    return BehaviorChain(
        call_id, tuple(ChainStep(**json.loads(row["step"])) for row in rows), vectors
    )


def turn_id(call_id: str, step: int) -> str:
    """Return the Milvus primary key of a chain step: call id and step number."""
    return f"{call_id}/{step:04d}"


def build_lite(indexed: Indexed, key: str) -> Path:
    """Return the cached Milvus Lite folder of a corpus; build it if it does not exist.

    An interrupted build leaves no folder.
    """
    template = cache_folder("sop") / f"{key}.db"
    if template.is_dir():
        return template

    # Lite lacks AllocTimestamp, and pymilvus logs a traceback.
    logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
    pymilvus = import_optional_module("pymilvus", "embedded")
    folder = Path(tempfile.mkdtemp(dir=template.parent, prefix="building-"))
    with log_loading(f"M_SOP of {len(indexed.calls)} calls into Milvus Lite, once"):
        partial = folder / template.name
        client = pymilvus.MilvusClient(str(partial), grpc_options=NO_KEEPALIVE)
        fill(client, indexed, f"gsim_{key}")
        client.close()
        release(partial, remove=False)

        if not template.is_dir():  # another process may have built it
            partial.rename(template)
        shutil.rmtree(folder, ignore_errors=True)
    return template


def release(path: Path, *, remove: bool = True) -> None:
    """Release Milvus Lite's lock on a database folder; optionally remove the folder's parent.

    Closing the client does not release the lock.
    """
    manager = import_optional_module(
        "milvus_lite.server_manager", "embedded"
    ).server_manager_instance
    manager.release_server(str(path))
    if remove:
        shutil.rmtree(path.parent, ignore_errors=True)


def fill(client: Any, indexed: Indexed, prefix: str) -> None:
    """Create a library's two Milvus collections (profiles, turns) and insert the corpus.

    ``{prefix}_turns`` is renamed last, so it exists only in a complete library.
    """
    dimensions = int(indexed.profiles.shape[1])
    columns: dict[str, int | None] = {"call_id": 256, "archetype": 256, "steps": None}
    create(client, f"{prefix}_profiles", dimensions, columns, profile_rows(indexed))

    partial = f"{prefix}_turns_partial"
    create(client, partial, dimensions, {"id": 300, "step": 4 * MAX_TEXT_BYTES}, turn_rows(indexed))
    client.rename_collection(partial, f"{prefix}_turns")


def profile_rows(indexed: Indexed) -> Iterator[dict[str, Any]]:
    """Yield the rows of the Milvus collection of customer profiles."""
    for call, vector in zip(indexed.calls, indexed.profiles, strict=True):
        yield {
            "call_id": call.id,
            "archetype": call.profile.archetype,
            "steps": len(steps_of(call)),
            "vector": vector.tolist(),
        }


def turn_rows(indexed: Indexed) -> Iterator[dict[str, Any]]:
    """Yield the rows of the Milvus collection of chain steps."""
    for chain in indexed.chains():
        for position, (step, vector) in enumerate(zip(chain.steps, chain.vectors, strict=True)):
            yield {
                "id": turn_id(chain.call_id, position),
                "step": json.dumps(asdict(step)),
                "vector": vector.tolist(),
            }


def create(
    client: Any,
    name: str,
    dimensions: int,
    columns: dict[str, int | None],
    rows: Iterator[dict[str, Any]],
) -> None:
    """Create a Milvus collection and insert rows.

    Args:
        client: A ``pymilvus.MilvusClient``.
        name: Name of the collection; an existing one is dropped.
        dimensions: Dimensions of its column ``vector``.
        columns: Its other columns, the primary key first: the maximum length of a text, ``None``
            for an integer.
        rows: The rows to insert.
    """
    data_type = import_optional_module("pymilvus", "embedded").DataType
    if client.has_collection(name):  # left by an interrupted build
        client.drop_collection(name)

    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    for position, (column, length) in enumerate(columns.items()):
        text = {"datatype": data_type.VARCHAR, "max_length": length}
        kind = text if length else {"datatype": data_type.INT64}
        schema.add_field(column, is_primary=position == 0, **kind)
    schema.add_field("vector", data_type.FLOAT_VECTOR, dim=dimensions)

    index = client.prepare_index_params()
    index.add_index("vector", index_type="FLAT", metric_type="COSINE")
    client.create_collection(name, schema=schema, index_params=index)

    while batch := list(itertools.islice(rows, INSERT_ROWS)):
        client.insert(name, batch)


def library_key(digest: str, encoder: str) -> str:
    """Return the cache key of a group's chain library: a hash of corpus, encoder and layout."""
    return hashlib.sha256(f"{LAYOUT_VERSION}:{digest}:{encoder}".encode()).hexdigest()[:16]
