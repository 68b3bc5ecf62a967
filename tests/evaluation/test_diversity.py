"""Diversity metrics against calculations by hand."""

import numpy as np
import pytest

from gsim_env.evaluation.metrics.diversity import (
    HumanCallLengthRange,
    distinct_n_within_budget,
    inter_response_similarity,
    measure_diversity,
    response_similarity_by_window,
    smallest_ngram_count,
    turn_length_variance,
    turn_length_variance_shares,
    visited_stage_share,
)
from gsim_env.evaluation.metrics.features import CallFeatures
from gsim_env.evaluation.records import EvaluatedCall, EvaluatedTurn


def features_of(
    group, words, *, stages=None, vectors=None, outcome="declined", number=0, inverted=None
) -> CallFeatures:
    """Return features of a call with given customer turns and angles of their vectors."""
    stages = stages or [next(iter(group.taxonomy.customer))] * len(words)
    turns = tuple(
        EvaluatedTurn(sales="Hello?", customer=text, stage=stage)
        for text, stage in zip(words, stages, strict=True)
    )
    call = EvaluatedCall(
        method="m",
        salesperson="s",
        number=number,
        profile=group.calls[number].profile,
        turns=turns,
        outcome=outcome,
    )
    nothing = np.zeros(len(words), bool)
    angles = np.array(vectors if vectors is not None else np.arange(len(words)), dtype=float)
    return CallFeatures(
        call,
        np.array([len(text.split()) for text in words]),
        np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32),
        nothing if inverted is None else np.array(inverted),
        nothing,
        nothing,
    )


def test_tlv_is_the_variance_of_equation_2() -> None:
    lengths = np.array([2, 4, 9])  # mean 5; squares 9, 1, 16
    assert turn_length_variance(lengths) == pytest.approx(26 / 3)
    assert turn_length_variance(np.array([7, 7])) == 0.0


def test_irs_is_one_minus_the_mean_cosine_of_neighbors(group) -> None:
    one = features_of(
        group, ["a", "b", "c"], vectors=[0.0, np.pi / 3, np.pi / 3]
    )  # cosines .5 and 1
    assert inter_response_similarity(one) == pytest.approx(1 - (0.5 + 1.0) / 2)
    assert np.isnan(inter_response_similarity(features_of(group, ["a"])))


def test_the_window_of_figure_4b_slides_over_the_last_three_turns(group) -> None:
    calls = [
        features_of(group, list("abcde"), vectors=[0, 0, np.pi / 2, np.pi / 2, 0], number=n)
        for n in range(3)
    ]
    values = {point.turn: point.value for point in response_similarity_by_window(calls)}
    # neighbors: 0, 1, 0, 1; at turn t the mean of those that end at t - 1 and t, or what there is
    assert values == pytest.approx({2: 0.0, 3: 0.5, 4: 0.5, 5: 0.5}, abs=1e-6)
    assert response_similarity_by_window(calls[:2]) == []  # two calls are too few


def test_snr_counts_different_stages_over_all_of_the_taxonomy(group) -> None:
    names = list(group.taxonomy.customer)
    assert visited_stage_share([names[0], names[1], names[0]], group) == pytest.approx(
        2 / len(names)
    )


def test_distinct_n_is_over_the_same_number_of_n_grams(group) -> None:
    texts = ["No, no no!", "what is it", "no no"]
    assert distinct_n_within_budget(texts, 1, 100) == pytest.approx(4 / 8)
    assert distinct_n_within_budget(texts, 2, 100) == pytest.approx(
        3 / 5
    )  # no-no twice, what-is, is-it, no-no
    assert distinct_n_within_budget(texts, 1, 3) == pytest.approx(1 / 3)
    assert np.isnan(distinct_n_within_budget(["one"], 2, 10))
    methods = [[features_of(group, texts)], [features_of(group, ["a b c d"])]]
    assert [smallest_ngram_count(methods, n) for n in (1, 2)] == [4, 3]


def test_tlv_shares_sum_to_one_as_in_figure_4a() -> None:
    assert turn_length_variance_shares({"a": 1.0, "b": 3.0}) == {"a": 0.25, "b": 0.75}
    assert all(
        np.isnan(share) for share in turn_length_variance_shares({"a": 0.0, "b": 0.0}).values()
    )


def test_a_methods_figures_are_means_over_its_calls(group) -> None:
    people = [features_of(group, ["w"] * turns, number=turns) for turns in (4, 5, 6, 7, 8)]
    calls = [
        features_of(group, ["one two", "one two three four five six"], outcome="hung_up"),
        features_of(
            group, ["x"] * 10, outcome="turn_limit", inverted=[True] + [False] * 9, number=1
        ),
        features_of(group, ["x " * 51] * 2, outcome="accepted", number=2),
    ]
    figures = measure_diversity(calls, group, HumanCallLengthRange.from_calls(people), (100, 100))
    assert figures.words_per_turn.value == pytest.approx((4 + 1 + 51) / 3)
    assert figures.short_turns.value == pytest.approx((0.5 + 1 + 0) / 3)
    assert figures.long_turns.value == pytest.approx(1 / 3)
    assert figures.turns.value == pytest.approx(14 / 3)
    assert figures.role_inversion.value == pytest.approx(0.1 / 3)
    assert figures.premature_hang_up.value == pytest.approx(
        1 / 3
    )  # a short call that ends in a deal is not one
    assert figures.late_hang_up.value == pytest.approx(1 / 3)
    assert figures.tlv.value == pytest.approx((4 + 0 + 0) / 3)
    words = figures.words_per_turn
    assert 1 <= words.low <= words.value <= words.high <= 51
