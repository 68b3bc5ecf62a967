"""Judge reports: means, intervals, missing ratings, and cost."""

import json

import pytest

from gsim_env.errors import ConfigurationError
from gsim_env.evaluation.judge.judge import SCORE_NAMES, Judge, JudgeReport, build_judge_report
from gsim_env.evaluation.judge.rubric import EVALUATORS
from gsim_env.evaluation.judge.scripted import ScriptedJudge
from gsim_env.evaluation.records import EvaluatedCall
from gsim_env.util.stats import mean_confidence_interval
from tests.evaluation.judge.helpers import rate, rating


def test_a_report_against_hand_calculation(calls):
    a, b, c = (calls[0], calls[1], calls[5])
    a, b = (call.model_copy(update={"number": n}) for n, call in enumerate((a, b)))
    ratings = [
        rating(a, "profile_consistency", (4, 6)),
        rating(a, "profile_consistency", (8, 8), vote=1),
        rating(a, "business_realism", (1, 2, 6)),
        rating(a, "business_realism", None, vote=1),
        rating(a, "interaction_logic", (9, 10)),
        rating(a, "interaction_logic", (9, 10), vote=1),
        *(rating(b, "profile_consistency", (0, 1), vote=vote) for vote in range(2)),
        *(rating(b, "business_realism", None, vote=vote) for vote in range(2)),
        *(rating(b, "interaction_logic", (3, 5), vote=vote) for vote in range(2)),
        *(
            rating(c, e, (10,) * len(EVALUATORS[e].dimensions), vote=vote)
            for e in EVALUATORS
            for vote in range(2)
        ),
    ]
    report = build_judge_report(ratings, [a, b, c], prices=(1.0, 10.0)).model_dump()
    assert report | {"scores": None} == {
        "name": "m",
        "scripted": False,
        "votes": 2,
        "asked": 18,
        "missing": {
            "ours": {"profile_consistency": 0, "business_realism": 3, "interaction_logic": 0},
            "prompt_only": dict.fromkeys(EVALUATORS, 0),
        },
        "prompt_tokens": 1800,
        "completion_tokens": 180,
        "cost": pytest.approx(0.0036),
        "scores": None,
        "checks": None,
    }
    ours = report["scores"]["ours"]["all"]
    assert tuple(ours) == SCORE_NAMES
    expected = {
        "category_alignment": ((6 + 0) / 2, 2),
        "profile_adherence": ((7 + 1) / 2, 2),
        "profile_consistency": ((6.5 + 0.5) / 2, 2),
        "brevity": (1, 1),
        "context_immersion": (6, 1),
        "business_realism": (3, 1),
        "interaction_logic": ((9.5 + 4) / 2, 2),
        "overall": ((6.5 + 3 + 9.5) / 3, 1),
    }
    for name, (value, n) in expected.items():
        assert (ours[name]["value"], ours[name]["n"]) == (pytest.approx(value), n), name
    interval = mean_confidence_interval([6.5, 0.5])
    assert (ours["profile_consistency"]["low"], ours["profile_consistency"]["high"]) == (
        interval.low,
        interval.high,
    )
    assert (ours["brevity"]["low"], ours["brevity"]["high"]) == (None, None)
    own = report["scores"]["ours"][b.profile.archetype]
    if a.profile.archetype != b.profile.archetype:
        assert own["overall"] == {"value": None, "low": None, "high": None, "n": 0}
        assert own["interaction_logic"]["value"] == 4
    assert report["scores"]["prompt_only"]["all"]["overall"]["value"] == 10
    text = json.dumps(report, allow_nan=False)
    assert JudgeReport.model_validate_json(text).model_dump() == report
    with pytest.raises(ConfigurationError, match="2 judges: m, other"):
        build_judge_report(
            [*ratings, rating(a, "business_realism", (1, 1, 1), judge="other")], [a, b, c]
        )


def test_all_is_over_all_calls_and_not_over_archetypes(group):
    kinds = [call.profile.archetype for call in group.calls]
    first = kinds.index("price_sensitive")
    other = kinds.index("status_quo")
    calls = [
        EvaluatedCall.from_recording(number, group.calls[index])
        for number, index in enumerate((first, first, first, other))
    ]
    ratings = [
        rating(call, "interaction_logic", (score, score))
        for call, score in zip(calls, (2, 2, 2, 10), strict=True)
    ]
    scores = build_judge_report(ratings, calls).model_dump()["scores"]["human"]
    assert scores["all"]["interaction_logic"]["value"] == 4
    assert scores["price_sensitive"]["interaction_logic"]["value"] == 2
    assert scores["status_quo"]["interaction_logic"]["value"] == 10


def test_the_scripted_judge_says_that_it_is_one_and_failed_calls_are_not_rated(group, calls):
    failed = calls[0].model_copy(
        update={"turns": (), "outcome": None, "error": "the server is down", "number": 99}
    )
    ratings = rate(Judge(group, ScriptedJudge()), [failed, *calls])
    report = build_judge_report(ratings, [failed, *calls]).model_dump()
    assert report["scripted"]
    assert report["asked"] == 30
    assert report["scores"]["ours"]["all"]["overall"]["n"] == 5
    assert (
        report["scores"]["ours"]["all"]["brevity"]["value"]
        > report["scores"]["prompt_only"]["all"]["brevity"]["value"]
    )
