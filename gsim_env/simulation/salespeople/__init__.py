"""Sales policies behind one protocol: baselines of evaluations, partners in customer training."""

from gsim_env.simulation.salespeople.concern_classifier import concern_classifier
from gsim_env.simulation.salespeople.factory import (
    POLICIES,
    PolicySpec,
    SalespersonFactory,
    parse_policy,
)
from gsim_env.simulation.salespeople.llm import sales_system
from gsim_env.simulation.salespeople.protocol import Salesperson, SalespersonSource, UtteranceFlow
from gsim_env.simulation.salespeople.scripted import SalesScript

__all__ = [
    "POLICIES",
    "PolicySpec",
    "SalesScript",
    "Salesperson",
    "SalespersonFactory",
    "SalespersonSource",
    "UtteranceFlow",
    "concern_classifier",
    "parse_policy",
    "sales_system",
]
