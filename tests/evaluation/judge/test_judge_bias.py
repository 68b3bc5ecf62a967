"""Bias checks of the judge: order of the dimensions and length of the answers."""

import json
import re

import pytest

from gsim_env.evaluation.judge.bias import check_length_bias, check_order_bias, run_bias_checks
from gsim_env.evaluation.judge.judge import Judge
from gsim_env.evaluation.judge.rubric import EVALUATORS
from gsim_env.evaluation.records import EvaluatedTurn
from gsim_env.models import Completion
from gsim_env.util.aio import block_on
from tests.evaluation.judge.helpers import rating


def test_backwards_is_the_same_question_in_another_order():
    for evaluator in EVALUATORS.values():
        forwards, backwards = evaluator.answer_schema(), evaluator.answer_schema(backwards=True)
        assert forwards == backwards | {"properties": forwards["properties"]}
        names = list(forwards["properties"]["scores"]["properties"])
        assert names[::-1] == list(backwards["properties"]["scores"]["properties"])
        assert names == list(evaluator.dimensions)


def test_a_judge_who_favours_what_comes_first_is_found_out(group, calls):
    class FirstIsBest:
        async def acomplete(self, request):
            names = list(request.schema["properties"]["scores"]["properties"])
            listed = re.findall(r"^- (\w+): ", request.messages[0]["content"], re.MULTILINE)
            assert [name for name in listed if name in names] == names
            scores = {name: 9 if place == 0 else 5 for place, name in enumerate(names)}
            return Completion(
                json.dumps({"reasoning": "", "scores": scores}),
                prompt_tokens=7,
                completion_tokens=1,
            )

    found = block_on(run_bias_checks(Judge(group, FirstIsBest()), calls, n=4)).model_dump()["order"]
    assert found["dimensions"]["brevity"] == {"shift": -4, "difference": 4, "n": 4}
    assert found["dimensions"]["context_immersion"] == {"shift": 4, "difference": 4, "n": 4}
    assert found["dimensions"]["naturalness"] == {"shift": 0, "difference": 0, "n": 4}
    assert (found["missing"], found["prompt_tokens"], found["completion_tokens"]) == (0, 84, 12)


def test_the_order_check_counts_what_both_ratings_have(calls):
    before = [
        rating(calls[0], "interaction_logic", (4, 4)),
        rating(calls[1], "interaction_logic", (4, 4)),
    ]
    after = [
        rating(calls[0], "interaction_logic", (6, 3)),
        rating(calls[1], "interaction_logic", None),
    ]
    found = check_order_bias(before, after).model_dump()
    assert found["dimensions"]["intent_responsiveness"] == {"shift": 2, "difference": 2, "n": 1}
    assert found["dimensions"]["brevity"] == {"shift": None, "difference": None, "n": 0}
    assert found["missing"] == 1


def test_the_length_check_finds_a_judge_who_pays_by_the_word(calls):
    def spoken(call, words):
        return call.model_copy(
            update={"turns": (EvaluatedTurn(sales="Hello.", customer="no " * words),)}
        )

    calls = [spoken(call, 1 + index) for index, call in enumerate(calls)]
    ratings = [
        rating(call, "interaction_logic", (index, index)) for index, call in enumerate(calls)
    ]
    ratings += [
        rating(call, "business_realism", (9 - index,) * 3) for index, call in enumerate(calls)
    ]
    ratings += [rating(call, "profile_consistency", (5, 5)) for call in calls]
    found = {
        evaluator: {group: correlation.model_dump() for group, correlation in by_group.items()}
        for evaluator, by_group in check_length_bias(ratings, calls).items()
    }
    assert found["interaction_logic"]["all"]["spearman"] == pytest.approx(1)
    assert found["business_realism"]["ours"]["spearman"] == pytest.approx(-1)
    assert found["business_realism"]["ours"]["n"] == 5
    assert found["profile_consistency"]["all"] == {"spearman": None, "p": None, "n": 10}
