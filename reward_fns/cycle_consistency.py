"""The cycle consistency reward (USP) for verl.

Does the call tell of the profile that the customer was given?
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from gsim_env.corpus.extraction import StyleExtractor
from gsim_env.groups import load_group
from gsim_env.models import Message
from gsim_env.models.registry import shared_encoder
from gsim_env.profiles import CustomerProfile
from gsim_env.rewards.cycle_consistency import cycle_consistency
from reward_fns.adapter import ExtraInfo, verl_score
from reward_fns.rows import read_field, read_messages

__all__ = ["compute_score"]


class Call(NamedTuple):
    """A call that the agent loop ``gsim_customer`` played, and the profile that its customer was given."""

    messages: list[Message]
    profile: CustomerProfile


def read_call(solution_str: str, ground_truth: Any, extra_info: ExtraInfo) -> Call:
    """Return the call of a row."""
    del solution_str, ground_truth  # the whole call is scored, not one answer
    messages = read_messages(extra_info)
    return Call(messages, CustomerProfile.model_validate(read_field(extra_info, "profile")))


def score(calls: Sequence[Call], *, group: str, encoder: str = "minilm") -> list[dict[str, float]]:
    """Score calls of a group; the encoder by name."""
    rewards = cycle_consistency(
        [call.messages for call in calls],
        [call.profile for call in calls],
        group_extractor(group, encoder),
        shared_encoder(encoder),
    )
    return [{"score": reward} for reward in rewards]


@lru_cache(maxsize=8)
def group_extractor(group: str, encoder: str) -> StyleExtractor:
    """Return the profile extractor of a group, shared within the process."""
    loaded = load_group(group)
    return StyleExtractor(loaded.config.archetypes, loaded.taxonomy, shared_encoder(encoder))


compute_score = verl_score(read_call, score)
