"""The salesperson's outcome reward, and its compute_score for verl."""

import asyncio

import pytest

from gsim_env.dialogue import Outcome
from gsim_env.errors import ConfigurationError
from gsim_env.rewards.sales_outcome import progress_toward_deal, sales_outcome
from reward_fns.sales_outcome import compute_score


def test_only_an_accepted_call_is_rewarded():
    assert sales_outcome(list(Outcome)) == [
        float(outcome is Outcome.ACCEPTED) for outcome in Outcome
    ]
    assert sales_outcome(["accepted", "hung_up"]) == [1.0, 0.0]
    assert sales_outcome([]) == []


def test_compute_score_needs_a_legal_outcome():
    found = asyncio.run(compute_score("gsim", "...", None, {"outcome": "accepted"}))
    assert found == {"score": 1.0, "outcome": 1.0, "progress": 0.0}
    for missing in (None, {}, {"turn": 3}):
        with pytest.raises(ConfigurationError, match="outcome"):
            asyncio.run(compute_score("gsim", "...", None, missing))
    with pytest.raises(ValueError, match="not a valid Outcome"):
        asyncio.run(compute_score("gsim", "...", None, {"outcome": None}))


def test_progress_is_the_largest_rise_before_the_last_turn() -> None:
    assert progress_toward_deal([0.1, 0.2, -0.3, 0.05]) == pytest.approx(0.3)
    assert progress_toward_deal([0.1, 0.9]) == pytest.approx(
        0.1
    )  # the last turn's is the deal's, or the loss of all
    assert progress_toward_deal([-0.2, 0.1, 0.05, 0.0]) == 0.0
    assert progress_toward_deal([0.7]) == progress_toward_deal([]) == 0.0


def test_progress_is_weighted_and_never_counts_as_a_deal() -> None:
    row = {"outcome": "hung_up", "turn_scores": [0.25, 0.25, -0.4]}
    assert asyncio.run(compute_score("gsim", "", None, row, progress=0.2)) == {
        "score": pytest.approx(0.1),
        "outcome": 0.0,
        "progress": pytest.approx(0.5),
    }
    assert (
        asyncio.run(compute_score("gsim", "", None, {"outcome": "accepted"}, progress=0.2))["score"]
        == 1.0
    )
