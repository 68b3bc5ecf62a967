"""Transition statistics of behavior chains: which customer stage follows which."""

from collections import Counter
from collections.abc import Iterable

from gsim_env.profiles import RecordedCall
from gsim_env.sop.chain import steps_of

__all__ = ["transitions"]


def transitions(calls: Iterable[RecordedCall]) -> Counter[tuple[str | None, str]]:
    """Return how often each stage follows each; ``None`` is before the customer's first."""
    return Counter((step.previous, step.stage) for call in calls for step in steps_of(call))
