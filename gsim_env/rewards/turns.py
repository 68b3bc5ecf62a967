"""What the customer's rewards judge.

One answer in its context, and the faults that have the lowest score everywhere.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from gsim_env.models import Message
from gsim_env.util.repetition import copies_from
from gsim_env.util.text_safety import CONTROL_TOKENS, ROLE_LABELS

__all__ = ["FLOOR", "Fault", "Turn", "fault_of"]

FLOOR = -2.0
"""The least of the format and of the semantic reward, which have no lower bound that matters.

Chosen by ``recipes/rewards``.
"""

Fault = Literal["empty", "control_tokens", "wrong_role", "copy"]


class Turn(NamedTuple):
    """One answer to judge.

    Attributes:
        context: c, what was said before: ``user`` is the salesperson, ``assistant`` the customer.
            No system messages.
        answer: y, what the customer model said.
        reference: y*, what the human customer said there; empty where none is known.
    """

    context: Sequence[Message]
    answer: str
    reference: str = ""


def fault_of(turn: Turn) -> Fault | None:
    """Return what makes an answer no answer of a customer, or ``None``.

    ``empty``: no letter and no digit. ``control_tokens``: those of a chat template or of a model's
    reasoning. ``wrong_role``: a line that names its speaker, as a script does. ``copy``: the
    salesperson's last words, back to him; of 8,274 human turns of PersuasionForGood 2 are as near.
    """
    if not any(letter.isalnum() for letter in turn.answer):
        return "empty"
    if CONTROL_TOKENS.search(turn.answer):
        return "control_tokens"
    if any(ROLE_LABELS.match(line) for line in turn.answer.splitlines()):
        return "wrong_role"
    sales = next(
        (message["content"] for message in reversed(turn.context) if message["role"] == "user"), ""
    )
    return "copy" if copies_from(turn.answer, sales) else None
