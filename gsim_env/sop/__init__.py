"""Customer behavior: the stage taxonomy S, behavior chains H_i, and their library M_SOP (eq. 7)."""

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
