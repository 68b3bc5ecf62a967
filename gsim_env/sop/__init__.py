"""What customers do.

The stage taxonomy S, behavior chains H_i, and the library M_SOP that holds them (eq. 7).
"""

from gsim_env.sop.chain import BehaviorChain, ChainStep
from gsim_env.sop.library import Hit, MemoryLibrary, Search, SopLibrary
from gsim_env.sop.taxonomy import Concern, CustomerStage, SalesStage, Taxonomy

__all__ = [
    "BehaviorChain",
    "ChainStep",
    "Concern",
    "CustomerStage",
    "Hit",
    "MemoryLibrary",
    "SalesStage",
    "Search",
    "SopLibrary",
    "Taxonomy",
]
