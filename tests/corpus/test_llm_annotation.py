"""Stages by a language model: legal for each side, given ones kept, answers complete."""

import json

import pytest

from gsim_env.corpus.llm_annotation import LLMAnnotator
from gsim_env.dialogue import Dialogue
from gsim_env.errors import SimulatorError
from gsim_env.models import Completion
from gsim_env.models.backends.embedded import Config as EmbeddedConfig


@pytest.fixture
def bare(group):
    """A recorded call without its stages, but for the first."""
    call = group.calls[0]
    turns = [turn.model_copy(update={"stage": None}) for turn in call.turns]
    return Dialogue(id=call.id, turns=(call.turns[0], *turns[1:6]))


class Answering:
    """Gives the answers it was made with, one a request, and remembers the schemas."""

    def __init__(self, *answers):
        self.answers, self.schemas = list(answers), []

    async def acomplete(self, request):
        self.schemas.append(request.schema)
        return Completion(self.answers.pop(0))


def test_an_answer_must_name_a_stage_of_the_right_side_for_every_turn(group, bare):
    good = {f"turn_{n}": "pitch" if n % 2 else "listening" for n in range(1, 7)}
    swapped = {**good, "turn_2": "pitch"}
    model = Answering("no json", json.dumps(swapped), json.dumps(good))
    (annotated,) = LLMAnnotator(group.taxonomy, model).annotate([bare])
    stages = [turn.stage for turn in annotated.turns]
    assert stages == [bare.turns[0].stage, "listening", "pitch", "listening", "pitch", "listening"]
    assert model.schemas[0]["properties"]["turn_2"]["enum"] == list(group.taxonomy.customer)
    short = json.dumps({"turn_1": "pitch"})
    with pytest.raises(SimulatorError, match=r"'ps-01'.*turn_2 is None, expected one of greeting"):
        LLMAnnotator(group.taxonomy, Answering(short, short, short)).annotate([bare])


def test_a_dialogue_that_has_all_its_stages_costs_nothing(group):
    call = group.calls[0]
    assert LLMAnnotator(group.taxonomy, Answering()).annotate([call]) == [call]


@pytest.mark.slow
def test_a_real_model_names_legal_stages(group, bare):
    (annotated,) = LLMAnnotator(group.taxonomy, EmbeddedConfig(parallel=2).build()).annotate([bare])
    for turn in annotated.turns:
        assert turn.stage in group.taxonomy.stages(turn.role)
