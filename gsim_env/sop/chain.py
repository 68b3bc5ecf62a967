"""A behavior chain H_i = {(u_t, r_t, s_t)} (eq. 7): what one customer did, step by step."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gsim_env.profiles import RecordedCall

__all__ = ["BehaviorChain", "ChainStep"]


@dataclass(frozen=True, slots=True)
class ChainStep:
    """One exchange.

    What the salesperson said (u_t), what the customer answered (r_t), and the stages of both (s_t).

    ``previous`` is the customer's stage one exchange earlier (``None`` at the start) and
    ``progress`` the position in the call, 0 at its first exchange and 1 at its last.
    """

    sales: str
    sales_stage: str
    answers: str | None
    customer: str
    stage: str
    concern: str | None
    previous: str | None
    progress: float


@dataclass(frozen=True, slots=True, eq=False)
class BehaviorChain:
    """The steps of one call and, as ``vectors`` (steps x d, unit rows), phi of what the salesperson said at each."""

    call_id: str
    steps: tuple[ChainStep, ...]
    vectors: NDArray[np.float32]


def steps_of(call: RecordedCall) -> tuple[ChainStep, ...]:
    """Cut a recorded call into its exchanges.

    A last turn of the salesperson that got no answer is left out.
    """
    pairs = list(zip(call.turns[::2], call.turns[1::2], strict=False))
    last = max(len(pairs) - 1, 1)
    return tuple(
        ChainStep(
            sales=sales.text,
            sales_stage=sales.stage or "",
            answers=sales.concern,
            customer=customer.text,
            stage=customer.stage or "",
            concern=customer.concern,
            previous=pairs[index - 1][1].stage if index else None,
            progress=index / last,
        )
        for index, (sales, customer) in enumerate(pairs)
    )
