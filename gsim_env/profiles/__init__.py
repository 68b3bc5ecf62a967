"""Customer profiles: the profile p, archetypes, constraints, and sampling P(p | constraints)."""

from gsim_env.profiles.archetype import Archetype, StateDynamics
from gsim_env.profiles.constraints import ProfileConstraints
from gsim_env.profiles.generator import CorpusProfileGenerator
from gsim_env.profiles.profile import CustomerProfile, RecordedCall

__all__ = [
    "Archetype",
    "CorpusProfileGenerator",
    "CustomerProfile",
    "ProfileConstraints",
    "RecordedCall",
    "StateDynamics",
]
