"""The cycle consistency reward (USP) for verl: given versus extracted profile."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from gsim_env.corpus.extraction import StyleExtractor
from gsim_env.groups import load_group
from gsim_env.models import ChatMessage
from gsim_env.models.registry import shared_cached_encoder
from gsim_env.profiles import CustomerProfile
from gsim_env.rewards.cycle_consistency import cycle_consistency
from reward_fns.adapter import ExtraInfo, make_compute_score
from reward_fns.rows import read_call_messages, read_extra_field

__all__ = ["compute_score"]


class _CustomerCall(NamedTuple):
    """Messages of a call that the agent loop ``gsim_customer`` played, and the given profile."""

    messages: list[ChatMessage]
    profile: CustomerProfile


def _read_customer_call(
    solution_str: str, ground_truth: Any, extra_info: ExtraInfo
) -> _CustomerCall:
    """Return the call and the profile from the row that verl passes to a reward function.

    Raises:
        ConfigurationError: if the messages or the profile are missing.
    """
    messages = read_call_messages(solution_str, ground_truth, extra_info)
    profile = CustomerProfile.model_validate(read_extra_field(extra_info, "profile"))
    return _CustomerCall(messages, profile)


def cycle_consistency_scores(
    calls: Sequence[_CustomerCall], *, group: str, encoder: str = "minilm"
) -> list[float]:
    """Return the cycle consistency reward (USP) of each call, in [-1, 1].

    Args:
        calls: Calls with the profiles given to their customers.
        group: Name or path of the group.
        encoder: As ``gsim_env.models.registry`` names it.
    """
    return cycle_consistency(
        [call.messages for call in calls],
        [call.profile for call in calls],
        _group_extractor(group, encoder),
        shared_cached_encoder(encoder),
    )


@lru_cache(maxsize=8)
def _group_extractor(group: str, encoder: str) -> StyleExtractor:
    """Return a group's profile extractor, cached per process."""
    loaded = load_group(group)
    return StyleExtractor(loaded.config.archetypes, loaded.taxonomy, shared_cached_encoder(encoder))


compute_score = make_compute_score(_read_customer_call, cycle_consistency_scores)
