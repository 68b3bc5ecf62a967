"""Sampling profiles from a corpus: P(p | constraints) by recombining recorded customers."""

from collections.abc import Mapping, Sequence

import numpy as np

from gsim_env.errors import ConfigurationError, unknown_name_error
from gsim_env.profiles.archetype import Archetype
from gsim_env.profiles.constraints import ProfileConstraints
from gsim_env.profiles.profile import CustomerProfile

__all__ = ["CorpusProfileGenerator"]

MAX_TRIES = 200
"""Draws until a profile meets the constraints."""


class CorpusProfileGenerator:
    """Samples new customer profiles by recombining recorded profiles of one archetype.

    An archetype is drawn by weight. One of its profiles gives the concerns, another everything
    else: a customer's voice is tied to their profile, their concerns can be those of similar
    customers. An archetype without profiles in the corpus is never drawn.

    Args:
        profiles: The profiles of the corpus.
        archetypes: The group's archetypes by id.

    Raises:
        ConfigurationError: if no archetype has a profile.
    """

    def __init__(
        self, profiles: Sequence[CustomerProfile], archetypes: Mapping[str, Archetype]
    ) -> None:
        """Group the profiles by archetype."""
        self._archetypes = archetypes
        self._profiles: dict[str, list[CustomerProfile]] = {}
        for name in archetypes:
            pool = [profile for profile in profiles if profile.archetype == name]
            if pool:
                self._profiles[name] = pool
        if not self._profiles:
            raise ConfigurationError("The corpus has no profile of any archetype of the group.")

    def sample(self, rng: np.random.Generator, constraints: ProfileConstraints) -> CustomerProfile:
        """Sample one customer profile that satisfies the constraints.

        Raises:
            ConfigurationError: if the archetype is unknown or has no profile, or if none of 200
                drawn profiles meets the constraints.
        """
        names = list(self._profiles)
        if constraints.archetype is not None and constraints.archetype not in self._profiles:
            raise unknown_name_error(
                "archetype (of which the corpus has profiles)", constraints.archetype, names
            )

        weights = np.array([self._archetypes[name].weight for name in names])
        weights /= weights.sum()
        for _ in range(MAX_TRIES):
            name = constraints.archetype or names[int(rng.choice(len(names), p=weights))]
            pool = self._profiles[name]
            base, donor = (pool[int(index)] for index in rng.integers(len(pool), size=2))
            profile = base.model_copy(update={"concerns": donor.concerns})
            if constraints.admits(profile):
                return profile

        raise ConfigurationError(
            f"No profile met {constraints!r} in {MAX_TRIES} tries. "
            "Loosen the constraints, or pass a whole profile."
        )
