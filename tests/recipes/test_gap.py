"""The mean gap to people that a method leaves."""

import pytest
from gsim_recipes.grouped_customer.gap import gaps


def fidelity(**figures):
    return {name: {"value": value} for name, value in figures.items()} | {"p_real": None}


def test_a_gap_is_the_share_of_the_untuned_models_distance_that_is_left():
    found = gaps(
        {
            "prompt_only": fidelity(
                c2st_accuracy=0.9, words_distance=40.0, stage_distance=0.3, outcome_distance=0.1
            )
            | {"p_real": {"value": 0.2}},
            "full": fidelity(
                c2st_accuracy=0.6, words_distance=1.0, stage_distance=0.4, outcome_distance=0.0
            )
            | {"p_real": {"value": 0.7}},
            "human": fidelity(
                c2st_accuracy=0.5, words_distance=2.0, stage_distance=0.2, outcome_distance=0.1
            )
            | {"p_real": {"value": 0.8}},
        }
    )
    assert set(found["prompt_only"].values()) == {1.0}
    assert found["full"] == pytest.approx(
        {"c2st_accuracy": 0.25, "p_real": 1 / 6, "words_distance": 0.0, "stage_distance": 2.0}
    )


def test_without_a_discriminator_the_other_figures_remain():
    some = {
        "c2st_accuracy": 0.9,
        "words_distance": 40.0,
        "stage_distance": 0.3,
        "outcome_distance": 0.2,
    }
    people = {name: value / 2 for name, value in some.items()}
    found = gaps({"prompt_only": fidelity(**some), "human": fidelity(**people)})
    assert found == {"prompt_only": dict.fromkeys(some, 1.0)}
