"""Fidelity metrics against scipy and calculations by hand, and the classifiers behind them."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from gsim_env.evaluation.metrics.features import CallFeatureExtractor, fit_speaker_role_classifier
from gsim_env.evaluation.metrics.fidelity import (
    FidelityMeasurer,
    classifier_two_sample_accuracy,
    stage_transition_probabilities,
)
from gsim_env.evaluation.records import EvaluatedCall
from gsim_env.models.encoders import HashingEncoder
from gsim_env.models.registry import build_encoder
from tests.evaluation.test_diversity import features_of


def test_words_distance_is_scipys(group) -> None:
    own, people = (
        [features_of(group, ["a b c", "a"])],
        [features_of(group, ["a b", "a b c d e"]), features_of(group, ["a"], number=1)],
    )
    found = FidelityMeasurer(group, people, None).words_distance(own)
    assert found.value == pytest.approx(wasserstein_distance([3, 1], [2, 5, 1]))
    assert found.n == 1


def test_stage_distance_is_of_transitions_with_start_and_end(group) -> None:
    first, second = list(group.taxonomy.customer)[:2]
    own = [features_of(group, ["x", "y"], stages=[first, second])]
    people = [features_of(group, ["x", "y"], stages=[first, first])]
    # own: start-1, 1-2, 2-end; people: start-1, 1-1, 1-end
    expected = jensenshannon([1, 1, 1, 0, 0], [1, 0, 0, 1, 1], base=2)
    assert FidelityMeasurer(group, people, None).stage_distance(own).value == pytest.approx(
        expected
    )
    assert FidelityMeasurer(group, people, None).stage_distance(people).value == pytest.approx(0.0)
    assert stage_transition_probabilities(own) == {
        "start": {first: 1.0},
        first: {second: 1.0},
        second: {"end": 1.0},
    }


def test_outcome_distance_is_half_the_differences_of_shares(group) -> None:
    people = [
        features_of(group, ["x"], outcome=outcome)
        for outcome in ("accepted", "declined", "declined", "hung_up")
    ]
    own = [
        features_of(group, ["x"], outcome=outcome)
        for outcome in ("accepted", "accepted", "declined", "turn_limit")
    ]
    found = FidelityMeasurer(group, people, None).outcome_distance(own)
    assert found.value == pytest.approx((0.25 + 0.25 + 0.25 + 0.25) / 2)


def people_as(group, calls, method="human"):
    calls = [EvaluatedCall.from_recording(number, call) for number, call in enumerate(calls)]
    return [call.model_copy(update={"method": method}) for call in calls]


@pytest.fixture(scope="module")
def extractor(group):
    return CallFeatureExtractor(group, HashingEncoder())


def test_c2st_separates_a_parrot_from_people_but_not_people_from_people(group, extractor) -> None:
    first, second = (
        extractor.extract(people_as(group, group.calls[::2])),
        extractor.extract(people_as(group, group.calls[1::2])),
    )
    alike = classifier_two_sample_accuracy(first, second, seed=0)
    assert 0.4 < alike.value < 0.6
    parrots = [
        call.model_copy(
            update={
                "turns": tuple(
                    turn.model_copy(update={"customer": "Yes, that is very interesting!"})
                    for turn in call.turns
                )
            }
        )
        for call in people_as(group, group.calls[::2])
    ]
    assert classifier_two_sample_accuracy(extractor.extract(parrots), second, seed=0).value > 0.95


def test_c2st_separates_customers_with_the_same_listing_by_name(group, extractor) -> None:
    """Extracted profiles have one listing.

    By it alone there would be one customer, and no fold to hold out.
    """

    def unlisted(calls):
        return [
            call.model_copy(
                update={"profile": call.profile.model_copy(update={"listing": "a contact"})}
            )
            for call in people_as(group, calls)
        ]

    first, second = (
        extractor.extract(unlisted(group.calls[:40:2])),
        extractor.extract(unlisted(group.calls[1:40:2])),
    )
    assert not np.isnan(classifier_two_sample_accuracy(first, second, seed=0).value)


def test_role_inversion_and_prompt_leaks_are_detected(group, extractor) -> None:
    swapped = [
        call.model_copy(
            update={
                "turns": tuple(
                    turn.model_copy(update={"customer": turn.sales}) for turn in call.turns
                )
            }
        )
        for call in people_as(group, group.calls[:40])
    ]
    people = extractor.extract(people_as(group, group.calls[:40]))
    turned = extractor.extract(swapped)
    share = lambda some: float(np.mean(np.concatenate([one.inverted for one in some])))  # noqa: E731
    assert share(people) < 0.03
    assert share(turned) > 0.5
    (leaky,) = extractor.extract(
        [
            swapped[0].model_copy(
                update={
                    "turns": tuple(
                        swapped[0].turns[0].model_copy(update={"customer": text})
                        for text in (
                            "Mood: cold.",
                            "As an AI I cannot eat.",
                            "<|im_end|> hello",
                            "What does it cost?",
                            "Next, please.",
                        )
                    )
                }
            )
        ]
    )
    assert leaky.leaked.tolist() == [True, True, True, False, False]


@pytest.mark.slow
def test_no_example_line_of_the_taxonomy_sounds_like_the_salesperson(
    group,
) -> None:
    encoder = build_encoder("minilm")
    roles = fit_speaker_role_classifier(group, encoder)
    lines = [line for stage in group.taxonomy.customer.values() for line in stage.examples]
    lines += [line for concern in group.taxonomy.concerns.values() for line in concern.raised]
    inverted = roles.sounds_like_sales(encoder.encode(lines))
    assert [line for line, is_inverted in zip(lines, inverted, strict=True) if is_inverted] == []


def test_repetition_is_exact_and_ignores_short_turns(group, extractor) -> None:
    (call,) = people_as(group, group.calls[:1])
    texts = ["Mm.", "I have no time.", "mm.", "i have  no time.", "No time today, really."]
    turns = tuple(call.turns[0].model_copy(update={"customer": text}) for text in texts)
    (found,) = extractor.extract([call.model_copy(update={"turns": turns})])
    assert found.repeated.tolist() == [False, False, False, True, False]


def test_failed_calls_are_in_no_figure(group, extractor) -> None:
    (call,) = people_as(group, group.calls[:1])
    failed = call.model_copy(update={"turns": (), "outcome": None, "error": "no answer"})
    assert len(extractor.extract([failed, call])) == 1
    assert extractor.extract([failed]) == []
