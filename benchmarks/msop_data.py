"""Artificial data for ``msop_scale``: 100,000 calls made of recorded exchanges."""

from itertools import chain

import numpy as np
from numpy.typing import NDArray

from gsim_env.groups import load_group
from gsim_env.profiles import RecordedCall
from gsim_env.sop import Search
from gsim_env.sop.library import Indexed

SEED, CALLS, STEPS, DIMENSIONS, CLUSTERS = 0, 100_000, 3, 384, 200
SPREAD = 0.8
"""Distance of a vector from its cluster's center.

Two vectors of a cluster have a cosine of 1 / (1 + 0.8^2) = 0.6.
"""

K = 5


def clustered(rng: np.random.Generator, clusters: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return one random unit vector per cluster number, shape (clusters, d)."""
    scale = np.sqrt(DIMENSIONS)
    centers = np.random.default_rng(SEED).standard_normal((CLUSTERS, DIMENSIONS)) / scale
    vectors = rng.standard_normal((len(clusters), DIMENSIONS), dtype=np.float32)

    # In parts and in place: a second copy would double the peak of memory.
    for start in range(0, len(clusters), 1000):
        part = vectors[start : start + 1000]
        part *= SPREAD / scale
        part += centers[clusters[start : start + 1000]]
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return vectors


def customers() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the vectors of all profiles and the numbers of their archetypes.

    Four in five profiles have the archetype of their cluster, the others a random one.
    """
    rng, count = np.random.default_rng([SEED, 1]), len(archetypes())
    clusters = rng.integers(CLUSTERS, size=CALLS)
    random_archetypes = rng.integers(count, size=CALLS)
    typical = rng.random(CALLS) < 0.8
    return clustered(rng, clusters), np.where(typical, clusters % count, random_archetypes)


def archetypes() -> list[str]:
    """Return the archetypes of the built-in group."""
    return list(load_group("food_delivery").config.archetypes)


def corpus() -> Indexed:
    """Return the corpus: artificial calls made of recorded exchanges, with a vector per step."""
    rng, recorded = np.random.default_rng([SEED, 2]), load_group("food_delivery").calls
    profile_of = {call.profile.archetype: call.profile for call in recorded}
    exchanges = list(
        chain.from_iterable(
            zip(call.turns[::2], call.turns[1::2], strict=False) for call in recorded
        )
    )

    profiles, kinds = customers()
    names, drawn = archetypes(), rng.integers(len(exchanges), size=(CALLS, STEPS))
    calls = [
        RecordedCall(
            id=call_id(row),
            turns=tuple(chain.from_iterable(exchanges[exchange] for exchange in drawn[row])),
            outcome="declined",
            profile=profile_of[names[kinds[row]]],
        )
        for row in range(CALLS)
    ]

    sales = clustered(rng, np.repeat(rng.integers(CLUSTERS, size=CALLS), STEPS))
    return Indexed(calls, profiles, sales.reshape(CALLS, STEPS, DIMENSIONS))


def call_id(row: int) -> str:
    """Return the id of a call, which sorts by number."""
    return f"call-{row:06d}"


def requests(number: int, stream: int, *, filtered: bool) -> list[Search]:
    """Return searches for new customers, within their archetype as the simulator does, or in all.

    Args:
        number: The number of searches.
        stream: Selects the random stream.
        filtered: Whether to search within the archetype.
    """
    rng = np.random.default_rng([SEED, 3, stream])
    clusters, names = rng.integers(CLUSTERS, size=number), archetypes()
    return [
        Search(vector, K, names[cluster % len(names)] if filtered else None)
        for vector, cluster in zip(clustered(rng, clusters), clusters, strict=True)
    ]
