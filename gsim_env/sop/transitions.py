"""Transition counts of customer stages in behavior chains."""

from collections import Counter
from collections.abc import Iterable
from itertools import chain

from gsim_env.profiles import RecordedCall
from gsim_env.sop.chain import steps_of

__all__ = ["transitions"]


def transitions(calls: Iterable[RecordedCall]) -> Counter[tuple[str | None, str]]:
    """Return how often each customer stage follows another: counts of (previous, next) stages.

    The previous stage is ``None`` before the first one.
    """
    steps = chain.from_iterable(map(steps_of, calls))
    return Counter((step.previous, step.stage) for step in steps)
