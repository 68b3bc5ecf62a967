"""The pattern reward (eq. 9): how likely it is that a person of the group said this here."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from reward_fns.turns import Turn, fault_of

__all__ = ["Discriminator", "pattern_reward"]


class Discriminator(Protocol):
    """D_phi of appendix B."""

    @property
    def name(self) -> str:
        """Identifies the trained model in results."""
        ...

    def probability(self, turns: Sequence[Turn]) -> NDArray[np.float64]:
        """Return P(label = Real | c, y) for each turn, shape (turns,), in [0, 1]; references are not looked at.

        Raises:
            SimulatorError: if the model fails.
        """
        ...


def pattern_reward(turns: Sequence[Turn], discriminator: Discriminator) -> list[float]:
    """Return P(label = Real | c, y), in [0, 1], for each turn; 0 for a fault (:func:`~reward_fns.turns.fault_of`)."""
    faults = [fault_of(turn) for turn in turns]
    judged = [turn for turn, fault in zip(turns, faults, strict=True) if fault is None]
    found = iter(discriminator.probability(judged) if judged else ())
    return [0.0 if fault else float(next(found)) for fault in faults]
