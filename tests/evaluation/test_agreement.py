"""Agreement against scipy, a published table, and calculations by hand."""

import numpy as np
import pytest
import scipy.stats

from gsim_env.errors import ConfigurationError
from gsim_env.evaluation.judge.judge import EVALUATORS, JudgeRating
from gsim_env.evaluation.judge.rating_sheet import HumanRating
from gsim_env.evaluation.metrics.agreement import (
    AgreementReport,
    anova_mean_squares,
    correlation_with_p_value,
    intraclass_correlation,
    judge_human_agreement,
    salespeople_rank_correlation,
)

SHROUT_FLEISS = [
    [9, 2, 5, 8],
    [6, 1, 3, 2],
    [8, 4, 6, 8],
    [7, 1, 2, 6],
    [10, 5, 6, 9],
    [6, 2, 4, 7],
]
"""Table 2 of Shrout and Fleiss (1979): 6 targets, 4 judges."""


def judged(call, score, evaluator="business_realism"):
    scores = dict.fromkeys(EVALUATORS[evaluator].dimensions, score)
    return JudgeRating(
        judge="m",
        scripted=False,
        call=call,
        method="a",
        archetype="b",
        evaluator=evaluator,
        vote=0,
        scores=scores,
        reasoning="",
        error=None,
        prompt_tokens=0,
        completion_tokens=0,
    )


def given(rater, scores, evaluator="business_realism"):
    return [
        HumanRating(call=call, rater=rater, scores={evaluator: score})
        for call, score in scores.items()
    ]


def test_icc_against_the_published_example():
    table = np.array(SHROUT_FLEISS, dtype=float)
    between, judges, error = anova_mean_squares(table)
    assert (round(between, 2), round(judges, 2), round(error, 2)) == (
        11.24,
        32.49,
        1.02,
    )  # their Table 3
    n, k = table.shape
    single = (between - error) / (between + (k - 1) * error + k * (judges - error) / n)
    assert round(single, 2) == 0.29  # their Table 4: ICC(2,1)
    assert round(intraclass_correlation(table), 2) == 0.62  # and ICC(2,4)
    assert intraclass_correlation(table) == pytest.approx(
        k * single / (1 + (k - 1) * single)
    )  # Spearman and Brown


def test_icc_where_there_is_nothing_to_say():
    assert intraclass_correlation(np.ones((4, 3))) is None
    assert intraclass_correlation([[1], [2]]) is None
    assert intraclass_correlation([[1, 2]]) is None
    assert intraclass_correlation([[1, 1], [5, 5]]) == 1
    assert (
        intraclass_correlation([[1, 5], [5, 1]]) is None
    )  # BMS 0, JMS 0, EMS 16: 2 by the formula, which is no reliability
    assert intraclass_correlation([[1, 9], [5, 5], [6, 9]]) < 0.5


def test_agreement_with_the_mean_of_raters():
    rng = np.random.default_rng(0)
    calls = [f"c{n}" for n in range(30)]
    truth = rng.uniform(0, 10, 30)
    raters = {name: np.clip(truth + rng.normal(0, 1.5, 30), 0, 10) for name in ("li", "mo", "no")}
    machine = np.clip(np.round(truth + rng.normal(0, 2, 30)), 0, 10).astype(int)
    human = [
        row
        for name, own in raters.items()
        for row in given(name, dict(zip(calls, own, strict=True)))
    ]
    judge = [judged(call, int(score)) for call, score in zip(calls, machine, strict=True)]
    report = judge_human_agreement(human, [*judge, judged("unseen", 3)])
    means = np.mean(list(raters.values()), axis=0)
    pearson, spearman = scipy.stats.pearsonr(means, machine), scipy.stats.spearmanr(means, machine)
    assert report.dimensions["business_realism"].model_dump() == {
        "pearson": pytest.approx(pearson.statistic),
        "pearson_p": pytest.approx(pearson.pvalue),
        "spearman": pytest.approx(spearman.statistic),
        "spearman_p": pytest.approx(spearman.pvalue),
        "n": 30,
    }
    own = report.raters["business_realism"]
    assert own.icc == pytest.approx(intraclass_correlation(np.stack(list(raters.values()), axis=1)))
    pairs = [
        scipy.stats.spearmanr(raters[a], raters[b]).statistic
        for a, b in (("li", "mo"), ("li", "no"), ("mo", "no"))
    ]
    assert own.mean_pairwise_spearman == pytest.approx(np.mean(pairs))
    assert own.raters == 3
    assert report.dimensions["interaction_logic"].model_dump() == {
        "pearson": None,
        "pearson_p": None,
        "spearman": None,
        "spearman_p": None,
        "n": 0,
    }
    assert report.raters["interaction_logic"].model_dump() == {
        "icc": None,
        "mean_pairwise_spearman": None,
        "raters": 0,
    }
    assert AgreementReport.model_validate_json(report.model_dump_json()) == report


def test_raters_who_rated_some_calls_only():
    li, mo = {"a": 1, "b": 5, "c": 9, "d": 3}, {"b": 6, "c": 8, "d": 1, "e": 0}
    report = judge_human_agreement(
        given("li", li) + given("mo", mo), [judged(call, n) for n, call in enumerate("abcde")]
    )
    assert report.dimensions["business_realism"].n == 5
    expected = scipy.stats.pearsonr([1, 5.5, 8.5, 2, 0], range(5)).statistic
    assert report.dimensions["business_realism"].pearson == pytest.approx(expected)
    assert report.raters["business_realism"].icc == pytest.approx(
        intraclass_correlation([[5, 6], [9, 8], [3, 1]])
    )
    assert report.raters["business_realism"].mean_pairwise_spearman == pytest.approx(1)


def test_one_value_for_all_is_no_correlation_and_no_warning():
    human = given("li", dict.fromkeys("abcd", 5.0)) + given("mo", dict.fromkeys("abcd", 5.0))
    report = judge_human_agreement(human, [judged(call, n) for n, call in enumerate("abcd")])
    assert report.dimensions["business_realism"].pearson is None
    assert report.dimensions["business_realism"].n == 4
    assert report.raters["business_realism"].model_dump() == {
        "icc": None,
        "mean_pairwise_spearman": None,
        "raters": 2,
    }
    assert correlation_with_p_value("pearsonr", [0.1 + 0.2, 0.3, 0.3], [1, 2, 3]) == (None, None, 3)
    assert correlation_with_p_value("spearmanr", [1, 2], [1, 2]) == (None, None, 2)
    assert correlation_with_p_value("spearmanr", [1, 2, 3, float("nan")], [1, 2, 3, 4])[2] == 3


def test_two_simulators_rank_agents():
    first = {"a": 0.1, "b": 0.4, "c": 0.5, "d": 0.9}
    second = {"d": 0.8, "c": 0.2, "b": 0.3, "a": 0.0}
    found = salespeople_rank_correlation(first, second)
    assert found.spearman == pytest.approx(1 - 6 * 2 / (4 * 15))  # one swap: two differences of one
    assert found.kendall == pytest.approx((5 - 1) / 6)
    assert found.p == pytest.approx(scipy.stats.spearmanr([1, 2, 3, 4], [1, 3, 2, 4]).pvalue)
    flat = salespeople_rank_correlation(first, dict.fromkeys(first, 0.0))
    assert flat.model_dump() == {"spearman": None, "p": None, "kendall": None, "n": 4}
    with pytest.raises(ConfigurationError, match="one simulator only: e"):
        salespeople_rank_correlation(first, second | {"e": 1.0})
