"""Sales outcome: the salesperson's reward for a whole call, and its progress toward a deal."""

from collections.abc import Sequence
from itertools import accumulate

from gsim_env.dialogue import Outcome

__all__ = ["progress_toward_deal", "sales_outcome"]


def sales_outcome(outcomes: Sequence[Outcome | str]) -> list[float]:
    """Return the salesperson's reward of each call: 1.0 if the customer accepted, else 0.0.

    The same as the environment's ``outcome`` reward.

    Raises:
        ValueError: if a value is not an :class:`~gsim_env.dialogue.Outcome`. A call that failed has
            no outcome: mask it.
    """
    return [float(Outcome(outcome) is Outcome.ACCEPTED) for outcome in outcomes]


def progress_toward_deal(turn_scores: Sequence[float]) -> float:
    """Return how far a call came toward a deal: the largest rise of the potential, in [0, 1].

    The rise is max_t Phi(S_t) - Phi(S_0). The ``shaped`` rewards of the first t turns sum to
    Phi(S_t) - Phi(S_0). The potential depends on the customer's state alone, not on the text of the
    call. The last turn is left out: its reward contains the outcome.

    Args:
        turn_scores: The ``shaped`` reward of each turn, with gamma 1.
    """
    return min(1.0, max((0.0, *accumulate(turn_scores[:-1]))))
