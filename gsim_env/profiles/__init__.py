"""Who the customer is.

The profile p, the archetype it belongs to, constraints on it, and P(p | constraints).
"""

from gsim_env.profiles.archetype import Archetype, Dynamics
from gsim_env.profiles.constraints import ProfileConstraints
from gsim_env.profiles.generator import CorpusProfileGenerator
from gsim_env.profiles.profile import CustomerProfile, RecordedCall

__all__ = [
    "Archetype",
    "CorpusProfileGenerator",
    "CustomerProfile",
    "Dynamics",
    "ProfileConstraints",
    "RecordedCall",
]
