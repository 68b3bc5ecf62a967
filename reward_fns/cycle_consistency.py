"""The cycle consistency reward (USP) for verl: similarity of given and extracted profile."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from gsim_env.corpus.extraction import StyleExtractor
from gsim_env.groups import load_group
from gsim_env.models import ChatMessage
from gsim_env.models.registry import shared_cached_encoder
from gsim_env.profiles import CustomerProfile
from gsim_env.rewards.cycle_consistency import cycle_consistency
from reward_fns.adapter import ExtraInfo, verl_score
from reward_fns.rows import read_call_messages, read_field

__all__ = ["compute_score"]


class CustomerCall(NamedTuple):
    """A call that the agent loop ``gsim_customer`` played, and its customer's profile."""

    messages: list[ChatMessage]
    profile: CustomerProfile


def read_customer_call(solution_str: str, ground_truth: Any, extra_info: ExtraInfo) -> CustomerCall:
    """Return the call of a row.

    Raises:
        ConfigurationError: if the messages or the profile are missing.
    """
    messages = read_call_messages(solution_str, ground_truth, extra_info)
    profile = CustomerProfile.model_validate(read_field(extra_info, "profile"))
    return CustomerCall(messages, profile)


def score(calls: Sequence[CustomerCall], *, group: str, encoder: str = "minilm") -> list[float]:
    """Return the cycle consistency of each call, in [-1, 1].

    Args:
        calls: Calls with the profiles given to their customers.
        group: Name or path of the group.
        encoder: As ``gsim_env.models.registry`` names it.
    """
    return cycle_consistency(
        [call.messages for call in calls],
        [call.profile for call in calls],
        group_extractor(group, encoder),
        shared_cached_encoder(encoder),
    )


@lru_cache(maxsize=8)
def group_extractor(group: str, encoder: str) -> StyleExtractor:
    """Return the profile extractor of a group, one per process."""
    loaded = load_group(group)
    return StyleExtractor(loaded.config.archetypes, loaded.taxonomy, shared_cached_encoder(encoder))


compute_score = verl_score(read_customer_call, score)
