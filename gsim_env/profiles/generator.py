"""P(p | constraints) from a corpus.

The life and voice of one recorded customer with the worries of another.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from gsim_env.errors import ConfigurationError, unknown
from gsim_env.profiles.archetype import Archetype
from gsim_env.profiles.constraints import ProfileConstraints
from gsim_env.profiles.profile import CustomerProfile

__all__ = ["CorpusProfileGenerator"]

TRIES = 200


class CorpusProfileGenerator:
    """Samples customers that were never recorded but whose every field was.

    An archetype is drawn by weight; then one profile of it gives everything but the concerns, and
    another of the same archetype gives those: how somebody speaks belongs to who he is, what
    worries him could worry his neighbor.

    Args:
        profiles: The profiles of the corpus.
        archetypes: The group's archetypes by id.

    An archetype that the corpus has no profile of is not drawn.

    Raises:
        ConfigurationError: if there is no profile at all.
    """

    def __init__(
        self, profiles: Sequence[CustomerProfile], archetypes: Mapping[str, Archetype]
    ) -> None:
        """Sort the profiles by archetype."""
        pools = {name: [p for p in profiles if p.archetype == name] for name in archetypes}
        self._profiles = {name: pool for name, pool in pools.items() if pool}
        self._archetypes = archetypes
        if not self._profiles:
            raise ConfigurationError("The corpus has no profile of any archetype of the group.")

    def sample(self, rng: np.random.Generator, constraints: ProfileConstraints) -> CustomerProfile:
        """Draw one profile.

        Raises:
            ConfigurationError: if the archetype is unknown or has no profile, or if no profile
                drawn in 200 tries met the constraints.
        """
        names = list(self._profiles)
        if constraints.archetype is not None and constraints.archetype not in self._profiles:
            raise unknown(
                "archetype (of which the corpus has profiles)", constraints.archetype, names
            )
        weights = np.array([self._archetypes[name].weight for name in names])
        weights /= weights.sum()
        for _ in range(TRIES):
            name = constraints.archetype or names[int(rng.choice(len(names), p=weights))]
            pool = self._profiles[name]
            life, worries = (pool[int(index)] for index in rng.integers(len(pool), size=2))
            profile = life.model_copy(update={"concerns": worries.concerns})
            if constraints.admits(profile):
                return profile
        raise ConfigurationError(
            f"No profile met {constraints!r} in {TRIES} tries. Loosen the constraints, or pass a whole profile."
        )
