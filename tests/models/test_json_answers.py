"""Asking for JSON until an answer fits."""

import asyncio

import pytest
from pydantic import BaseModel

from gsim_env.errors import SimulatorError
from gsim_env.models import Completion, CompletionRequest, SamplingParams
from gsim_env.models.json_answers import request_json_answer_async

SAMPLING = SamplingParams(temperature=0.0, top_p=1.0, max_tokens=8)


class Answer(BaseModel):
    level: int
    name: str = ""


class Replies:
    """A language model with a list of answers."""

    def __init__(self, *texts):
        self.texts = list(texts)
        self.seeds = []

    async def acomplete(self, request):
        self.seeds.append(request.seed)
        return Completion(self.texts.pop(0))


def ask(model, read=Answer.model_validate_json, **settings):
    def request(attempt):
        return CompletionRequest(
            "judge", [{"role": "user", "content": "?"}], SAMPLING, 10 + attempt
        )

    return asyncio.run(
        request_json_answer_async(model, request, read, subject="The judge", **settings)
    )


def test_the_first_answer_that_fits_is_returned():
    model = Replies("no JSON", '{"level": "high"}', '{"level": 3}')
    assert ask(model) == Answer(level=3)
    assert model.seeds == [10, 11, 12]


def test_tries_are_bounded_and_the_last_reason_is_told():
    model = Replies("1", "2", '{"level": "high", "name": 4}', '{"level": 3}')
    reason = r"The judge: .*in 3 tries, the last: level: .*integer.*\(the first of 2 errors\)"
    with pytest.raises(SimulatorError, match=reason):
        ask(model)
    assert len(model.seeds) == 3


def test_a_reader_may_raise_its_own_value_error():
    def read(text):
        raise ValueError(f"{text} is too short")

    with pytest.raises(SimulatorError, match="in 1 tries, the last: x is too short"):
        ask(Replies("x"), read, tries=1)


def test_other_errors_are_not_retried():
    model = Replies("x", "y")
    with pytest.raises(ZeroDivisionError):
        ask(model, lambda _: 1 // 0)
    assert model.seeds == [10]
