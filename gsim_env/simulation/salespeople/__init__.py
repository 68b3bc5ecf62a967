"""Salespeople as policies behind one protocol: the fixed agents of evaluations, and partners in training the customer."""

from gsim_env.simulation.salespeople.ear import concern_ear
from gsim_env.simulation.salespeople.llm import sales_system
from gsim_env.simulation.salespeople.protocol import Salesperson, Saying, Team
from gsim_env.simulation.salespeople.scripted import SalesScript
from gsim_env.simulation.salespeople.team import POLICIES, PolicySpec, SalesTeam, parse_policy

__all__ = [
    "POLICIES",
    "PolicySpec",
    "SalesScript",
    "SalesTeam",
    "Salesperson",
    "Saying",
    "Team",
    "concern_ear",
    "parse_policy",
    "sales_system",
]
