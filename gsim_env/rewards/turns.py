"""Turns: the customer answers that rewards score, and the faults that get the lowest score."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from gsim_env.models import ChatMessage
from gsim_env.util.repetition import is_mostly_copied
from gsim_env.util.text_safety import CONTROL_TOKENS, ROLE_LABELS

__all__ = ["FLOOR", "Fault", "Turn", "find_answer_fault", "last_sales_utterance"]

FLOOR = -2.0
"""Default lower bound of the format and of the semantic reward.

Chosen by a grid search: ``results/rewards/report.json``.
"""

Fault = Literal["empty", "control_tokens", "wrong_role", "copy"]


class Turn(NamedTuple):
    """One customer answer to score, with its context and the human's reference answer.

    Attributes:
        context: c, the call so far: ``user`` is the salesperson, ``assistant`` the customer. No
            system messages.
        answer: y, the answer of the customer model.
        reference: y*, the human customer's answer in the same context; empty if there is none.
    """

    context: Sequence[ChatMessage]
    answer: str
    reference: str = ""


def find_answer_fault(turn: Turn) -> Fault | None:
    """Return the fault that makes a customer answer invalid, or ``None`` if it has none.

    ``empty``: no letter and no digit. ``control_tokens``: tokens of a chat template or of a model's
    reasoning. ``wrong_role``: a line that starts with a speaker label, as in a script. ``copy``: a
    repetition of the salesperson's last utterance. Of 8,274 human turns of PersuasionForGood, 2 are
    taken for a copy.
    """
    if not any(letter.isalnum() for letter in turn.answer):
        return "empty"
    if CONTROL_TOKENS.search(turn.answer):
        return "control_tokens"
    if any(ROLE_LABELS.match(line) for line in turn.answer.splitlines()):
        return "wrong_role"

    return "copy" if is_mostly_copied(turn.answer, last_sales_utterance(turn)) else None


def last_sales_utterance(turn: Turn) -> str:
    """Return the salesperson's last utterance before the answer; empty if there is none."""
    for message in reversed(turn.context):
        if message["role"] == "user":
            return message["content"]
    return ""
