"""verl's GRPO advantage (eq. 13): whole groups, masked samples, calls of several sequences."""

import numpy as np
import pytest
import torch
from verl import DataProto
from verl.trainer.ppo.v1.utils import compute_advantage_for_multi_trajectories


def advantages(rewards: dict[str, float], tokens: int = 3) -> dict[str, float]:
    """Return verl's advantage of each sequence ``{uid}_{session}_{index}``, given its reward."""
    keys = list(rewards)
    scores = torch.zeros(len(keys), tokens)
    scores[:, -1] = torch.tensor([rewards[key] for key in keys])
    mask = torch.ones(len(keys), tokens, dtype=torch.long)
    mask[:, 1] = 0  # an environment token
    data = DataProto.from_dict(
        tensors={"token_level_rewards": scores, "response_mask": mask},
        non_tensors={"uid": np.array([key.split("_")[0] for key in keys], dtype=object)},
    )
    found = compute_advantage_for_multi_trajectories(data, keys, "grpo").batch["advantages"]
    assert torch.equal(found[:, 1], torch.zeros(len(keys)))
    assert torch.equal(found[:, 0], found[:, 2])
    return dict(zip(keys, found[:, 0].tolist(), strict=True))


def by_hand(group: list[float]) -> list[float]:
    """Return (R_i - mean) / std (eq. 13), with the sample standard deviation as in verl."""
    mean = sum(group) / len(group)
    std = (sum((r - mean) ** 2 for r in group) / (len(group) - 1)) ** 0.5
    return [(r - mean) / std for r in group]


def test_equation_13_within_each_group() -> None:
    found = advantages(
        {"a_0_0": 1.0, "a_1_0": 0.0, "a_2_0": 0.5, "b_0_0": 3.0, "b_1_0": 1.0, "b_2_0": 1.0}
    )
    assert list(found.values()) == pytest.approx(
        [*by_hand([1.0, 0.0, 0.5]), *by_hand([3.0, 1.0, 1.0])], abs=1e-4
    )
    assert by_hand([1.0, 0.0, 0.5]) == [1.0, -1.0, 0.0]


def test_a_masked_sample_changes_no_advantage() -> None:
    """It is absent from the batch; the others are not compared with a reward of 0."""
    found = advantages({"a_0_0": 4.0, "a_2_0": 2.0, "a_3_0": 3.0})
    assert list(found.values()) == pytest.approx(by_hand([4.0, 2.0, 3.0]), abs=1e-4)


def test_the_turns_of_a_call_share_its_advantage() -> None:
    """A call of three turns counts once in its group."""
    rewards = {"a_0_0": 1.0, "a_0_1": 1.0, "a_0_2": 1.0, "a_1_0": 0.0, "a_2_0": 0.5, "a_2_1": 0.5}
    first, second, third = by_hand([1.0, 0.0, 0.5])
    expected = [first, first, first, second, third, third]
    assert list(advantages(rewards).values()) == pytest.approx(expected, abs=1e-4)
