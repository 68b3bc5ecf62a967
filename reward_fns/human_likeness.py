"""The human likeness reward (USP) for verl: mean P(real) over the customer's turns of a call."""

from collections.abc import Sequence

from gsim_env.models import ChatMessage
from gsim_env.rewards.human_likeness import human_likeness
from gsim_env.rewards.pattern import load_discriminator
from reward_fns.adapter import make_compute_score
from reward_fns.rows import read_call_messages

__all__ = ["compute_score"]


def human_likeness_scores(
    dialogues: Sequence[Sequence[ChatMessage]], *, discriminator: str
) -> list[float]:
    """Return the human likeness reward of each call: its mean P(real), in [0, 1].

    Args:
        dialogues: The messages of each call.
        discriminator: As for :func:`~gsim_env.rewards.pattern.load_discriminator`.
    """
    return human_likeness(dialogues, load_discriminator(discriminator))


compute_score = make_compute_score(read_call_messages, human_likeness_scores)
