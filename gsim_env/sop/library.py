"""The library M_SOP = {(phi(p_i), H_i)} (eq.

7) behind one small protocol, and its in-memory form.
"""

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
    """A request for the top-k calls whose customers are most like ``vector`` (eq. 8).

    Attributes:
        vector: phi(p), shape (d,), unit length.
        k: How many, at least 1.
        archetype: Only customers of this archetype; ``None`` for all.
    """

    vector: NDArray[np.float32]
    k: int
    archetype: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Hit:
    """One element of K_p.

    A chain and the cosine similarity of its customer's profile, in [-1, 1].
    """

    chain: BehaviorChain
    similarity: float


class SopLibrary(Protocol):
    """Where chains are kept.

    ``search`` answers any number of requests in one go and may be called from any thread.
    """

    def search(self, requests: Sequence[Search]) -> list[list[Hit]]:
        """Return K_p for each request, most similar first.

        Fewer than k where the library holds fewer.

        Raises:
            SimulatorError: if the database does not answer.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Indexed:
    """A corpus with its embeddings: what any library is filled from.

    Attributes:
        calls: The recorded calls.
        profiles: phi of their profiles, shape (calls, d).
        sales: phi of what the salesperson said, one array (exchanges, d) a call.
    """

    calls: Sequence[RecordedCall]
    profiles: NDArray[np.float32]
    sales: Sequence[NDArray[np.float32]]

    def chains(self) -> list[BehaviorChain]:
        """Return the chain of every call."""
        return [
            BehaviorChain(call.id, steps_of(call), vectors)
            for call, vectors in zip(self.calls, self.sales, strict=True)
        ]


class MemoryLibrary:
    """M_SOP as a matrix.

    Exact, dependency-free, right for corpora of up to some tens of thousands of calls.
    """

    def __init__(self, indexed: Indexed) -> None:
        """Lay out one matrix for each archetype and one for all."""
        chains = indexed.chains()
        rows: dict[str | None, list[int]] = {None: list(range(len(chains)))}
        for row, call in enumerate(indexed.calls):
            rows.setdefault(call.profile.archetype, []).append(row)
        self._tables: Mapping[str | None, tuple[list[BehaviorChain], NDArray[np.float32]]] = {
            key: ([chains[row] for row in found], indexed.profiles[found])
            for key, found in rows.items()
        }

    def search(self, requests: Sequence[Search]) -> list[list[Hit]]:
        """Return K_p for each request by exact cosine similarity; ties go to the earlier call."""
        return [self._search(request) for request in requests]

    def _search(self, request: Search) -> list[Hit]:
        if request.archetype not in self._tables:
            return []
        chains, matrix = self._tables[request.archetype]
        similarities = matrix @ request.vector
        best = np.argsort(-similarities, kind="stable")[: request.k]
        return [Hit(chains[row], float(similarities[row])) for row in best]
