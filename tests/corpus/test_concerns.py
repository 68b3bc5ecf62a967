"""Concerns by the taxonomy's own phrases."""

import pytest

from gsim_env.corpus.concerns import ConcernAnnotator
from gsim_env.dialogue import Dialogue, Turn
from gsim_env.models.encoders import HashingEncoder
from gsim_env.models.registry import build_encoder


def dialogue(*turns):
    return Dialogue(
        id="d", turns=tuple(Turn(role=role, text=text, stage=stage) for role, stage, text in turns)
    )


CALL = (
    ("sales", "pitch", "We bring you customers and our riders deliver."),
    ("customer", "objection", "And how long am I stuck with you, two years?"),
    (
        "sales",
        "objection_handling",
        "You can leave at any time with thirty days' notice, there is no fixed term.",
    ),
    ("customer", "question", "Hm. And who brings it?"),
)


@pytest.mark.parametrize("encoder", ["hashing", pytest.param("minilm", marks=pytest.mark.slow)])
def test_an_objection_and_its_answer_are_about_the_same_concern(group, encoder):
    (annotated,) = ConcernAnnotator(group.taxonomy, build_encoder(encoder)).annotate(
        [dialogue(*CALL)]
    )
    assert [turn.concern for turn in annotated.turns] == [None, "contract", "contract", None]


def test_given_concerns_and_turns_without_a_stage_are_left_alone(group):
    bare = Dialogue(id="d", turns=tuple(Turn(role=role, text=text) for role, _, text in CALL))
    annotator = ConcernAnnotator(group.taxonomy, HashingEncoder())
    assert annotator.annotate([bare]) == [bare]

    given = dialogue(*CALL)
    given = given.model_copy(
        update={
            "turns": (
                given.turns[0],
                given.turns[1].model_copy(update={"concern": "payout"}),
                *given.turns[2:],
            )
        }
    )
    (annotated,) = annotator.annotate([given])
    assert annotated.turns[1].concern == "payout"
    assert annotated.turns[2].concern != "contract"


@pytest.mark.slow
def test_written_concerns_are_mostly_found_again(group, record_property):
    """On the labels of the built-in corpus: thirteen concerns with three or four phrases each."""
    annotator, right = ConcernAnnotator(group.taxonomy, build_encoder("minilm")), []
    for call in group.calls:
        bare = call.model_copy(
            update={
                "turns": tuple(turn.model_copy(update={"concern": None}) for turn in call.turns)
            }
        )
        (annotated,) = annotator.annotate([bare])
        right += [
            found.concern == turn.concern
            for found, turn in zip(annotated.turns, call.turns, strict=True)
            if turn.role == "customer" and group.taxonomy.customer[turn.stage].kind == "concern"
        ]
    record_property("concerns found", sum(right) / len(right))
    print(sum(right) / len(right))

    assert sum(right) / len(right) > 3 / len(group.taxonomy.concerns)
