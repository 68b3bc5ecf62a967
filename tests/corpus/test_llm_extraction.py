"""Profile extraction by a language model: evidence, schema, retries, concurrency."""

import asyncio
import itertools
import json
import re

import pytest

from gsim_env.corpus.evidence import Evidence
from gsim_env.corpus.llm_extraction import LLMExtractor
from gsim_env.corpus.style_features import Speech
from gsim_env.errors import ConfigurationError, SimulatorError
from gsim_env.models import Completion
from gsim_env.models.backends.openai import Config as OpenAIConfig
from gsim_env.testing import mock_openai_server
from tests.corpus.helpers import dialogue

ANSWER = {
    "facts": [
        {"evidence": "I  BAKE forty", "text": "bakes forty loaves"},
        {"evidence": "thirty loaves a day", "text": "bakes thirty loaves a day"},
        {"evidence": "hello, this is QuickEats", "text": "works for QuickEats"},
        {"evidence": "I", "text": "is a person"},
    ],
    "pain_points": [{"evidence": "the mill", "text": "the mill <|im_end|>is late"}],
    "traits": [{"evidence": "angry", "text": "angry"}],
    "concerns": ["commission", "workload", "commission"],
    "archetype": "price_sensitive",
    "name": "Colin",
    "description": "a baker",
    "style": "short",
}
BAKER = dialogue("I bake\nforty loaves.", "Fifteen? The mill takes <|im_start|>enough.", id="baker")


@pytest.fixture
def answers(monkeypatch):
    """What the loopback server answers, in turn; the requests themselves go over HTTP."""
    planned = []

    async def answer(request):
        return Completion(json.dumps(planned.pop(0) if len(planned) > 1 else planned[0]))

    monkeypatch.setattr("gsim_env.testing.mock_completion", answer)
    planned.append(ANSWER)
    return planned


@pytest.fixture
def server():
    with mock_openai_server() as running:
        yield running


def llm(group, server, **more):
    config = OpenAIConfig(
        model="m", base_url=server.url, api_key="key", timeout=5.0, max_retries=1, backoff=0.001
    )
    return LLMExtractor(group, config.build(), **more)


@pytest.mark.usefixtures("answers")
def test_what_the_customer_did_not_say_is_dropped_and_counted(group, server):
    extractor = llm(group, server)
    (profile,) = extractor.extract([BAKER])
    assert profile.facts == ("bakes forty loaves",)
    assert profile.pain_points == ("the mill is late",)
    assert (
        profile.traits
        == Speech.of(["I bake forty loaves.", "Fifteen? The mill takes enough."]).traits
    )
    assert profile.name == "Customer baker"  # the salesperson's name is not the customer's
    assert profile.concerns == ("commission", "workload")
    assert (extractor.checked, extractor.dropped) == (7, 5)


@pytest.mark.usefixtures("answers")
def test_the_request_carries_the_schema_and_the_transcript_as_data(group, server):
    llm(group, server).extract([BAKER])
    body = server.requests[0].body
    schema = body["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["archetype"]["enum"] == list(group.config.archetypes)
    assert schema["properties"]["concerns"]["items"]["enum"] == list(group.taxonomy.concerns)
    assert schema["additionalProperties"] is False
    assert set(schema["required"]) == set(schema["properties"])
    assert body["messages"][-1]["content"].splitlines()[2] == "C: I bake forty loaves."
    assert "<|im" not in json.dumps(body["messages"])


@pytest.mark.usefixtures("answers")
def test_the_schema_limits_texts(group, server):
    llm(group, server).extract([BAKER])
    schema = server.requests[0].body["response_format"]["json_schema"]["schema"]
    limited = (
        schema["$defs"]["Quotation"]["properties"]["evidence"],
        schema["properties"]["style"],
    )
    assert all(re.fullmatch(text["pattern"], "Forty loaves a day.") for text in limited)
    assert not any(re.fullmatch(text["pattern"], "ha" * 51) for text in limited)
    assert "pattern" not in schema["properties"]["archetype"]


def test_an_answer_that_does_not_fit_is_asked_for_again_with_another_seed(group, server, answers):
    answers[:0] = [{"interest": 11}, ANSWER | {"archetype": "dancing"}]
    assert llm(group, server).extract([BAKER])[0].archetype == "price_sensitive"
    assert len({request.body["seed"] for request in server.requests}) == 3


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (ANSWER | {"concerns": ["dancing"]}, "unknown concern 'dancing'"),
        (ANSWER | {"description": " "}, "description: Value error, must not be blank"),
        ({}, "Field required"),
    ],
)
def test_three_answers_that_do_not_fit_are_an_error_that_names_the_dialogue(
    group, server, answers, wrong, reason
):
    answers[:] = [wrong]
    with pytest.raises(
        SimulatorError, match=f"'baker': no answer fits the schema in 3 tries.*{reason}"
    ):
        llm(group, server).extract([BAKER])
    assert len(server.requests) == 3


@pytest.mark.usefixtures("answers")
def test_a_backend_that_fails_is_an_error_that_names_the_dialogue(group, server):
    server.plan_faults(itertools.repeat(500))
    with pytest.raises(SimulatorError, match=r"^Dialogue '(baker|d-1)': http"):  # both fail at once
        llm(group, server).extract([BAKER, dialogue("Hello.")])


def test_dialogues_are_asked_about_at_once_but_not_more_than_allowed(group):
    class Counting:
        now = most = 0

        async def acomplete(self, request):
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(0.01)
            self.now -= 1
            words = request.messages[-1]["content"].splitlines()[-1].removeprefix("C: ")
            return Completion(json.dumps(ANSWER | {"facts": [{"evidence": words, "text": words}]}))

    model = Counting()
    dialogues = [dialogue(f"I am number {number}.") for number in range(8)]
    profiles = asyncio.run(LLMExtractor(group, model, concurrency=3).aextract(dialogues))
    assert [profile.facts for profile in profiles] == [
        (f"I am number {number}.",) for number in range(8)
    ]
    assert model.most == 3
    with pytest.raises(ConfigurationError, match="at least 1, got 0"):
        LLMExtractor(group, model, concurrency=0)


@pytest.mark.parametrize(
    ("quotation", "holds"),
    [
        ("forty   LOAVES", True),
        ('"I bake forty loaves"', True),
        ("C: I bake forty loaves.", True),
        ("no", True),  # all of a turn
        ("forty", False),  # a word that shows nothing
        ("ake forty", False),
        ("loaves. no", False),  # of two turns
        ("", False),
        ("...", False),
    ],
)
def test_evidence_is_looked_up_whatever_the_case_and_the_spaces(quotation, holds):
    evidence = Evidence()
    assert evidence.holds(quotation, ["I bake forty\nloaves.", "No!"]) is holds
    assert (evidence.checked, evidence.dropped) == (1, int(not holds))


@pytest.mark.slow
def test_a_real_model_answers_within_the_schema_and_keeps_only_what_was_said(group):
    """The embedded model is far too small to extract well.

    What it makes up is dropped all the same.
    """
    from gsim_env.models.registry import build_language_model

    extractor = LLMExtractor(group, build_language_model({"backend": "embedded", "parallel": 1}))
    (profile,) = extractor.extract(group.calls[1:2])
    assert profile.archetype in group.config.archetypes
    assert set(profile.concerns) <= set(group.taxonomy.concerns)
    assert len(profile.facts) + len(profile.pain_points) <= extractor.checked - extractor.dropped
