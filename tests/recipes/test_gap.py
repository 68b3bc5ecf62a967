"""The mean gap to people that a method leaves."""

import pytest
from gsim_recipes.grouped_customer.gap import gaps_to_human_floor

from gsim_env.evaluation.metrics.fidelity import FidelityDistances
from gsim_env.evaluation.schema import ABSENT


def fidelity(**values):
    return FidelityDistances(
        **{name: ABSENT._replace(value=value) for name, value in values.items()}
    )


def test_a_gap_is_the_share_of_the_untuned_models_distance_that_is_left():
    untuned = fidelity(
        c2st_accuracy=0.9, words_distance=40.0, stage_distance=0.3, outcome_distance=0.1, p_real=0.2
    )
    full = fidelity(
        c2st_accuracy=0.6, words_distance=1.0, stage_distance=0.4, outcome_distance=0.0, p_real=0.7
    )
    floor = fidelity(
        c2st_accuracy=0.5, words_distance=2.0, stage_distance=0.2, outcome_distance=0.1, p_real=0.8
    )

    by_method = gaps_to_human_floor({"prompt_only": untuned, "full": full, "human": floor})
    assert set(by_method["prompt_only"].values()) == {1.0}
    assert by_method["full"] == pytest.approx(
        {"c2st_accuracy": 0.25, "p_real": 1 / 6, "words_distance": 0.0, "stage_distance": 2.0}
    )


def test_without_a_discriminator_the_other_figures_remain():
    untuned = {
        "c2st_accuracy": 0.9,
        "words_distance": 40.0,
        "stage_distance": 0.3,
        "outcome_distance": 0.2,
    }
    floor = {name: value / 2 for name, value in untuned.items()}
    by_method = gaps_to_human_floor(
        {"prompt_only": fidelity(**untuned), "human": fidelity(**floor)}
    )
    assert by_method == {"prompt_only": dict.fromkeys(untuned, 1.0)}
