"""Fixtures of the judge's tests: calls of two methods, and a server that judges by rule."""

import pytest

import gsim_env.testing
from gsim_env.evaluation.judge.scripted import scripted_judge_answer
from gsim_env.models import Completion
from gsim_env.testing import mock_openai_server
from tests.evaluation.judge.helpers import some_calls


@pytest.fixture(scope="module")
def calls(group):
    return some_calls(group, 5)


@pytest.fixture
def judging_server(monkeypatch):
    """A server that judges by rule; it plays customers and Managers otherwise."""

    async def answer(request):
        return Completion(scripted_judge_answer(request))

    monkeypatch.setattr(gsim_env.testing, "mock_completion", answer)
    with mock_openai_server() as server:
        yield server
