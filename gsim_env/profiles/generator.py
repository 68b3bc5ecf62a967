"""P(p | constraints) from a corpus: the life and voice of one recorded customer with the worries of another."""

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

    An archetype is drawn by weight; then one profile of it gives everything but the concerns, and another of the same
    archetype gives those: how somebody speaks belongs to who he is, what worries him could worry his neighbour.

    Args:
        profiles: The profiles of the corpus.
        archetypes: The group's archetypes by id.

    Raises:
        ConfigurationError: if an archetype of the group has no profile.
    """

    def __init__(self, profiles: Sequence[CustomerProfile], archetypes: Mapping[str, Archetype]) -> None:
        """Sort the profiles by archetype."""
        self._profiles = {name: [p for p in profiles if p.archetype == name] for name in archetypes}
        self._archetypes = archetypes
        empty = [name for name, found in self._profiles.items() if not found]
        if empty:
            raise ConfigurationError(f"The corpus has no profile of archetype {', '.join(empty)}.")

    def sample(self, rng: np.random.Generator, constraints: ProfileConstraints) -> CustomerProfile:
        """Draw one profile.

        Raises:
            ConfigurationError: if the archetype is unknown, or no profile drawn in 200 tries met the constraints.
        """
        names = list(self._archetypes)
        if constraints.archetype is not None and constraints.archetype not in self._archetypes:
            raise unknown("archetype", constraints.archetype, names)
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
