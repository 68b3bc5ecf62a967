"""The salesperson's outcome reward, alone and in verl's form."""

import pytest

from gsim_env.dialogue import Outcome
from gsim_env.errors import ConfigurationError
from reward_fns.sales_outcome import compute_score, sales_outcome


def test_only_an_accepted_call_is_rewarded():
    assert sales_outcome(list(Outcome)) == [float(outcome is Outcome.ACCEPTED) for outcome in Outcome]
    assert sales_outcome(["accepted", "hung_up"]) == [1.0, 0.0]
    assert sales_outcome([]) == []


def test_verls_form_needs_the_outcome_and_never_makes_one_up():
    assert compute_score("gsim", "...", None, {"outcome": "accepted"}) == {"score": 1.0}
    for missing in (None, {}, {"turn": 3}):
        with pytest.raises(ConfigurationError, match="outcome"):
            compute_score("gsim", "...", None, missing)
    with pytest.raises(ValueError, match="not a valid Outcome"):
        compute_score("gsim", "...", None, {"outcome": None})
