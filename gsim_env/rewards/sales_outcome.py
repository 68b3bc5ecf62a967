"""The salesperson's reward for a whole call.

1 for a deal, else 0, and a part for how far the call came.
"""

from collections.abc import Sequence
from itertools import accumulate

from gsim_env.dialogue import Outcome

__all__ = ["call_progress", "sales_outcome"]


def sales_outcome(outcomes: Sequence[Outcome | str]) -> list[float]:
    """Return 1.0 for each accepted call and 0.0 for any other ending (the environment's ``outcome``
    reward).

    Raises:
        ValueError: if something is not an :class:`~gsim_env.dialogue.Outcome`. A call that failed
            has none: mask it.
    """
    return [float(Outcome(outcome) is Outcome.ACCEPTED) for outcome in outcomes]


def call_progress(turn_scores: Sequence[float]) -> float:
    """Return how much nearer to a deal the customer came, at best, before the call's last turn.

    In [0, 1].

    That is the largest rise of the potential Phi(S_t) above Phi(S_0), which the environment's
    ``shaped`` rewards sum to: the customer's state decides it, not anybody's words.

    Args:
        turn_scores: The ``shaped`` reward of each turn, with gamma 1.
    """
    return min(1.0, max((0.0, *accumulate(turn_scores[:-1]))))
