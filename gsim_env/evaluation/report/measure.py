"""Computes every metric of an evaluation that needs no judge."""

from collections.abc import Mapping, Sequence
from itertools import chain, combinations

import numpy as np

from gsim_env.evaluation.metrics.agreement import salespeople_rank_correlation
from gsim_env.evaluation.metrics.diversity import (
    DiversityMetrics,
    HumanCallLengthRange,
    inter_response_similarity,
    measure_diversity,
    outcome_shares,
    response_similarity_by_window,
    smallest_ngram_count,
    turn_length_variance_shares,
    visited_stage_share,
)
from gsim_env.evaluation.metrics.features import CallFeatures
from gsim_env.evaluation.metrics.fidelity import FidelityMeasurer, stage_transition_probabilities
from gsim_env.evaluation.records import HUMAN
from gsim_env.evaluation.report.results import (
    ArchetypeMetrics,
    EvaluationResults,
    MethodRankCorrelation,
    SalespeopleAcceptance,
)
from gsim_env.groups import Group
from gsim_env.util.stats import ConfidenceInterval, mean_confidence_interval

__all__ = ["compute_results_without_judge"]

CallsByMethod = Mapping[str, Sequence[CallFeatures]]


def compute_results_without_judge(
    methods: CallsByMethod, others: Sequence[CallFeatures], group: Group, fidelity: FidelityMeasurer
) -> EvaluationResults:
    """Return an evaluation's results with every metric that needs no judge.

    Args:
        methods: The calls of each method, in the order in which methods are shown.
        others: Recorded calls of people outside the reference: the human-to-human floor.
        group: The group.
        fidelity: Measures against the reference.
    """
    everyone = {**methods, HUMAN: fidelity.people}
    archetypes = list(group.config.archetypes)

    # The distances of each method; the key of people holds the human-to-human floor.
    distances = {name: fidelity.measure_distances(calls) for name, calls in methods.items()}
    distances[HUMAN] = fidelity.human_floor(others)

    return EvaluationResults(
        methods=list(methods),
        archetypes=archetypes,
        diversity=_diversity_by_method(methods, fidelity.people, group),
        irs_windows={
            name: response_similarity_by_window(calls) for name, calls in everyone.items()
        },
        fidelity=distances,
        by_archetype={
            name: _metrics_by_archetype(calls, archetypes, group) for name, calls in methods.items()
        },
        lengths={name: _turn_lengths(calls) for name, calls in everyone.items()},
        outcomes={name: outcome_shares(_outcomes_of(calls)) for name, calls in everyone.items()},
        transitions={
            name: stage_transition_probabilities(calls) for name, calls in everyone.items()
        },
        agents=_salespeople_acceptance(methods),
    )


def _diversity_by_method(
    methods: CallsByMethod, people: Sequence[CallFeatures], group: Group
) -> dict[str, DiversityMetrics]:
    """Return the diversity of each method and of people, with the shares of figure 4a."""
    everyone = {**methods, HUMAN: people}
    limits = HumanCallLengthRange.from_calls(people)
    budgets = smallest_ngram_count(everyone.values(), 1), smallest_ngram_count(everyone.values(), 2)
    figures = {
        name: measure_diversity(calls, group, limits, budgets) for name, calls in everyone.items()
    }

    # Shares over the methods; people have none.
    for name, share in turn_length_variance_shares(
        {name: figures[name].tlv.value for name in methods}
    ).items():
        diversity = figures[name]
        objective = float(np.mean([share, diversity.irs.value, diversity.snr.value]))
        figures[name] = diversity.model_copy(update={"tlv_share": share, "objective": objective})

    return figures


def _metrics_by_archetype(
    calls: Sequence[CallFeatures], archetypes: Sequence[str], group: Group
) -> dict[str, ArchetypeMetrics]:
    """Return a method's metrics for each archetype that was called."""
    figures = {}
    for archetype in archetypes:
        selected = [call for call in calls if call.call.profile.archetype == archetype]
        if not selected:
            continue
        figures[archetype] = ArchetypeMetrics(
            words_per_turn=mean_confidence_interval(
                [float(call.lengths.mean()) for call in selected]
            ),
            irs=mean_confidence_interval([inter_response_similarity(call) for call in selected]),
            snr=mean_confidence_interval(
                [visited_stage_share(call.stages, group) for call in selected]
            ),
            accepted=_acceptance_rate(selected),
        )
    return figures


def _acceptance_rate(calls: Sequence[CallFeatures]) -> ConfidenceInterval:
    """Return the share of calls that end with acceptance."""
    return mean_confidence_interval([float(call.call.outcome == "accepted") for call in calls])


def _turn_lengths(calls: Sequence[CallFeatures]) -> list[int]:
    """Return the words of every turn."""
    return [int(length) for length in chain.from_iterable(call.lengths for call in calls)]


def _outcomes_of(calls: Sequence[CallFeatures]) -> list[str]:
    """Return the outcome of each call."""
    return [str(call.call.outcome) for call in calls]


def _salespeople_acceptance(methods: CallsByMethod) -> SalespeopleAcceptance | None:
    """Return acceptance by salesperson, and whether methods rank the salespeople alike.

    ``None`` with fewer than two salespeople.
    """
    everyone = chain.from_iterable(methods.values())
    salespeople = list(dict.fromkeys(call.call.salesperson for call in everyone))
    if len(salespeople) < 2:
        return None

    acceptance: dict[str, dict[str, ConfidenceInterval]] = {}
    for method, calls in methods.items():
        acceptance[method] = {
            name: _acceptance_rate([call for call in calls if call.call.salesperson == name])
            for name in salespeople
        }

    rates = {
        method: {name: rate.value for name, rate in by_name.items()}
        for method, by_name in acceptance.items()
    }
    correlations = [
        MethodRankCorrelation(a=a, b=b, **dict(salespeople_rank_correlation(rates[a], rates[b])))
        for a, b in combinations(rates, 2)
    ]
    return SalespeopleAcceptance(acceptance=acceptance, rank_correlation=correlations)
