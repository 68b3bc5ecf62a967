"""Answer lengths that the format reward favors."""

import pytest
from gsim_recipes.rewards.lengths import format_reward_by_length, mean_format_reward


def test_the_best_constant_length_is_the_references() -> None:
    found = format_reward_by_length(["one two three four"] * 5)
    assert (found["best_length"], found["reward_of_best_length"]) == (4, 1.0)
    assert found["reward_of_peoples_lengths"] == 1.0


def test_a_short_answer_is_safe_if_lengths_vary() -> None:
    people = ["word " * count for count in (2, 4, 8, 16, 32)]
    found = format_reward_by_length(people)
    assert found["people_words_mean"] == pytest.approx(12.4)
    assert found["best_length"] < found["people_words_median"]
    assert found["reward_of_best_length"] > found["reward_of_peoples_lengths"]
    assert mean_format_reward(people[:1], [4]) == pytest.approx(0.0, abs=1e-5)  # twice too long
    assert mean_format_reward(people[:1], [1]) == pytest.approx(0.75, abs=1e-5)  # half as long
