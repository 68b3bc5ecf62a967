"""The library M_SOP = {(phi(p_i), H_i)} (eq. 7): its protocol and the in-memory library."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gsim_env.profiles import RecordedCall
from gsim_env.sop.chain import BehaviorChain, steps_of

__all__ = ["Hit", "Indexed", "MemoryLibrary", "Search", "SopLibrary"]


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """A request for the behavior chains of the k most similar customer profiles (eq. 8).

    Attributes:
        vector: phi(p), shape (d,), unit length.
        k: Number of calls, at least 1.
        archetype: Restricts the search to one archetype; ``None`` for all.
    """

    vector: NDArray[np.float32]
    k: int
    archetype: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Hit:
    """A search result: a behavior chain and the cosine similarity of its profile, in [-1, 1]."""

    chain: BehaviorChain
    similarity: float


class SopLibrary(Protocol):
    """Protocol of a behavior chain library (M_SOP), searched by customer profile similarity.

    ``search`` is batched and may be called from any thread.
    """

    def search(self, requests: Sequence[Search]) -> list[list[Hit]]:
        """Return the k chains with the most similar profiles for each request, best first.

        Fewer than k if there are fewer.

        Raises:
            SimulatorError: if the database does not answer.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Indexed:
    """Recorded calls with embeddings of profiles and sales turns, to fill a chain library.

    Attributes:
        calls: The recorded calls.
        profiles: phi of their profiles, shape (calls, d).
        sales: phi of the sales turns, one array (exchanges, d) per call.
    """

    calls: Sequence[RecordedCall]
    profiles: NDArray[np.float32]
    sales: Sequence[NDArray[np.float32]]

    def chains(self) -> list[BehaviorChain]:
        """Return the behavior chain of every recorded call."""
        return [
            BehaviorChain(call.id, steps_of(call), vectors)
            for call, vectors in zip(self.calls, self.sales, strict=True)
        ]


class MemoryLibrary:
    """In-memory library of behavior chains (M_SOP): exact profile search with NumPy.

    For corpora of up to some tens of thousands of calls; a search compares all profiles.
    """

    def __init__(self, indexed: Indexed) -> None:
        """Build one matrix per archetype and one for all calls."""
        chains = indexed.chains()
        rows: dict[str | None, list[int]] = {None: list(range(len(chains)))}
        for row, call in enumerate(indexed.calls):
            rows.setdefault(call.profile.archetype, []).append(row)

        self._tables: Mapping[str | None, tuple[list[BehaviorChain], NDArray[np.float32]]] = {
            archetype: ([chains[row] for row in indices], indexed.profiles[indices])
            for archetype, indices in rows.items()
        }

    def search(self, requests: Sequence[Search]) -> list[list[Hit]]:
        """Return the k chains with the most similar profiles for each request (exact cosine).

        Ties go to the earlier call.
        """
        return [self._search(request) for request in requests]

    def _search(self, request: Search) -> list[Hit]:
        if request.archetype not in self._tables:
            return []
        chains, matrix = self._tables[request.archetype]
        similarities = matrix @ request.vector
        best = np.argsort(-similarities, kind="stable")[: request.k]
        return [Hit(chains[row], float(similarities[row])) for row in best]
