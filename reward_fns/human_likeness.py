"""The human likeness reward (USP) for verl.

Mean P(real) over the customer's turns of a whole call.
"""

from collections.abc import Sequence
from typing import Any

from gsim_env.models import Message
from gsim_env.rewards.human_likeness import human_likeness
from gsim_env.rewards.pattern import load_discriminator
from reward_fns.adapter import ExtraInfo, verl_score
from reward_fns.rows import read_messages

__all__ = ["compute_score"]


def read_call(solution_str: str, ground_truth: Any, extra_info: ExtraInfo) -> list[Message]:
    """Return the call that the agent loop ``gsim_customer`` played."""
    del solution_str, ground_truth  # the whole call is scored, not one answer
    return read_messages(extra_info)


def score(dialogues: Sequence[Sequence[Message]], *, discriminator: str) -> list[dict[str, float]]:
    """Score calls.

    ``discriminator`` as for :func:`~gsim_env.rewards.pattern.load_discriminator`.
    """
    return [
        {"score": reward} for reward in human_likeness(dialogues, load_discriminator(discriminator))
    ]


compute_score = verl_score(read_call, score)
