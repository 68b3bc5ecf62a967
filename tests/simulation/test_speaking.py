"""What a customer model says is not taken if it says it again, or reads out what it was told."""

import pytest

from gsim_env.models import Completion, CompletionRequest
from gsim_env.simulation.conversation import SPEAKING_TRIES, TEMPERATURE_STEP, _speak
from gsim_env.simulation.prompts import Guidance

SAID = "I'd have to ask my wife."


@pytest.fixture
def call(make_call):
    call = make_call()
    call.add("user", "Shall I set it up?")
    call.add("assistant", SAID)
    return call


def speak(call, *answers):
    """Return what is taken, and the requests."""
    steps = _speak(
        call, Guidance("stalling", "guarded", None, ("Let me think.", "Ring after the holidays."))
    )
    asked, answer = [], None
    try:
        while True:
            request = steps.send(answer)
            assert isinstance(request, CompletionRequest)
            asked.append(request)
            answer = Completion(answers[len(asked) - 1])
    except StopIteration as end:
        return end.value, asked


def test_repetitions_are_retried_with_a_higher_temperature(call):
    said, asked = speak(call, SAID, "i'd have to ask my wife!", "Give me a week.")
    assert said == "Give me a week."
    temperature = call.group.config.sampling.temperature
    assert [request.sampling.temperature for request in asked] == pytest.approx(
        [temperature + TEMPERATURE_STEP * k for k in range(3)]
    )
    assert len({request.seed for request in asked}) == 3


def test_what_it_insists_on_is_taken(call):
    said, asked = speak(call, *[SAID] * SPEAKING_TRIES)
    assert said == SAID
    assert len(asked) == SPEAKING_TRIES


def test_short_utterances_may_repeat_but_not_consecutively(call):
    call.add("user", "It is nineteen.")
    call.add("assistant", "Nineteen.")
    call.add("user", "Nineteen, yes.")
    assert speak(call, "Nineteen!", "Mm.")[0] == "Mm."
    call.add("assistant", "Mm.")
    call.add("user", "So?")
    assert speak(call, "Nineteen.")[0] == "Nineteen."


def test_a_model_that_is_caught_in_a_word_is_asked_again(call):
    assert speak(call, "No, no, no, no, no, no,", "No.")[0] == "No."


def test_echoing_the_salesperson_is_retried(call):
    call.add("user", "It's fifteen on what we bring you and nothing on pick-up.")
    assert (
        speak(call, "Oh, it's fifteen on what we bring you and nothing on pick-up.", "Fifteen?")[0]
        == "Fifteen?"
    )


def test_reading_out_instructions_is_retried_and_quoting_a_reference_is_not(call):
    told = str(call.group.prompts["guidance"].template).splitlines()[-1]
    assert speak(call, f"No. {told}", "No.")[0] == "No."
    assert len(speak(call, "Ring after the holidays.")[1]) == 1
