"""Adapter from batched reward functions to verl's ``compute_score`` signature."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol, TypeVar

from gsim_env.models.batching import Batcher

__all__ = ["ComputeScoreSignature", "ExtraInfo", "Reward", "RowReader", "make_compute_score"]

T = TypeVar("T")

ExtraInfo = Mapping[str, Any] | None

RowReader = Callable[[str, Any, ExtraInfo], T]
"""Returns the item to score from a row's ``solution_str``, ``ground_truth`` and ``extra_info``."""

Reward = float | dict[str, float]
"""A score alone, or a ``score`` with its terms by name."""


class ComputeScoreSignature(Protocol):
    """Call signature of a verl reward function (``reward.custom_reward_function``)."""

    def __call__(
        self,
        data_source: str,
        solution_str: str,
        ground_truth: Any,
        extra_info: ExtraInfo = None,
        **settings: Any,
    ) -> Awaitable[dict[str, float]]:
        """Return a row's reward as ``score`` and its terms; verl logs every key as a metric."""
        ...


def make_compute_score(
    read: RowReader[T], score: Callable[..., Sequence[Reward]]
) -> ComputeScoreSignature:
    """Return an asynchronous verl ``compute_score`` function over a batched reward function.

    verl scores one row per call. Rows that wait at the same time are scored as one batch.

    Args:
        read: Returns the item to score from a row; raises ``ConfigurationError`` if the row lacks a
            field.
        score: Scores a batch of items; its keyword arguments are verl's ``reward_kwargs``.
    """

    @lru_cache(maxsize=8)
    def batcher(settings: str) -> Batcher[T, Reward]:
        keywords: dict[str, Any] = json.loads(settings)
        return Batcher(lambda items: score(items, **keywords))

    async def compute_score(
        data_source: str,  # noqa: ARG001 - part of verl's signature
        solution_str: str,
        ground_truth: Any,
        extra_info: ExtraInfo = None,
        **settings: Any,
    ) -> dict[str, float]:
        item = read(solution_str, ground_truth, extra_info)
        reward = await batcher(json.dumps(settings, sort_keys=True, default=dict))(item)

        return reward if isinstance(reward, dict) else {"score": reward}

    return compute_score
