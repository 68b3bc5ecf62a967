"""Behavior chains H_i = {(u_t, r_t, s_t)} (eq. 7): the steps of one customer in a call."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gsim_env.profiles import RecordedCall

__all__ = ["BehaviorChain", "ChainStep"]


@dataclass(frozen=True, slots=True)
class ChainStep:
    """One exchange of a recorded call: sales utterance, customer reply, and their SOP stages.

    Attributes:
        sales: The salesperson's utterance u_t.
        sales_stage: Its stage.
        answers: The concern that it answers, if any.
        customer: The customer's answer r_t.
        stage: Its stage s_t.
        concern: The concern that it states, if any.
        previous: The customer's stage one exchange earlier; ``None`` at the start.
        progress: The position in the call: 0 at the first exchange, 1 at the last.
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
    """A behavior chain: the exchanges of one recorded call with their SOP stages and embeddings.

    Attributes:
        call_id: The recorded call.
        steps: Its steps.
        vectors: phi of the salesperson's utterances, shape (steps, d), unit rows.
    """

    call_id: str
    steps: tuple[ChainStep, ...]
    vectors: NDArray[np.float32]


def steps_of(call: RecordedCall) -> tuple[ChainStep, ...]:
    """Return the exchanges of a recorded call as chain steps, without an unanswered last turn."""
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
