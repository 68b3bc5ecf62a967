"""Metrics of the replay buffer, and rows of the call dataset."""

import pytest
from verl.utils.dataset.rl_dataset import collate_fn

from gsim_env.errors import ConfigurationError
from tests.verl_plugins.conftest import composed
from verl_plugins.dataset import CustomerSeedDataset
from verl_plugins.replay_buffer import batch_call_metrics


def test_the_metrics_of_a_hand_made_batch() -> None:
    keys = ["a_0_0", "a_0_1", "a_1_0", "b_1_0"]  # b's first sample of four is missing
    fields = [
        {"outcome": "accepted", "env_seconds": 9.0},
        {
            "outcome": "accepted",
            "env_seconds": 0.25,
            "reward_extra_info": {"score": 1.0, "pattern": 0.5},
        },
        {
            "outcome": "declined",
            "env_seconds": 0.5,
            "reward_extra_info": {"score": 0.0, "pattern": 0.25},
        },
        {
            "outcome": "declined",
            "env_seconds": 0.125,
            "reward_extra_info": {"score": 0.5, "pattern": 0.0},
        },
    ]
    timings = [{}, {"compute_score": 0.5}, {"compute_score": 0.25}, {}]
    backwards = batch_call_metrics(keys[::-1], fields[::-1], timings[::-1], expected=4)
    assert backwards == batch_call_metrics(keys, fields, timings, expected=4)
    assert backwards == {
        "gsim/masked_fraction": 0.25,
        "gsim/reward/score/mean": 0.5,
        "gsim/reward/pattern/mean": 0.25,
        "gsim/outcome/accepted": pytest.approx(1 / 3),
        "gsim/outcome/declined": pytest.approx(2 / 3),
        "gsim/env_seconds/max": 0.5,
        "gsim/reward_seconds/max": 0.5,
    }


def test_a_row_has_its_seed_and_the_fields_that_verl_collates() -> None:
    config = composed("sales_grpo", "cpu_smoke", "actor_rollout_ref.model.path=x")
    rows = CustomerSeedDataset(["3:5", "9:10"], None, config.data)
    assert (
        [row["extra_info"]["seed"] for row in rows] == [row["index"] for row in rows] == [3, 4, 9]
    )
    batch = collate_fn([rows[0], rows[2]])
    assert batch["data_source"].tolist() == ["gsim", "gsim"]
    assert len(CustomerSeedDataset("0:100", None, config.data, max_samples=7)) == 7


@pytest.mark.parametrize("wrong", ["train.parquet", "5:5", "7:3", "", "1:"])
def test_a_malformed_range_of_seeds_is_an_error(wrong) -> None:
    with pytest.raises(ConfigurationError, match="start:stop"):
        CustomerSeedDataset(wrong, None, None)
