"""The stage classifier: keeps given labels, needs few, and beats words alone on real dialogues."""

import pytest

from gsim_env.corpus.annotation import MIN_DIALOGUES_FOR_SECOND_PASS, StageClassifier
from gsim_env.corpus.windows import Segment, segments_of, windows
from gsim_env.dialogue import Dialogue, Turn
from gsim_env.errors import CorpusError
from gsim_env.groups import Group
from gsim_env.groups.bundle import resolve_template_folder
from gsim_env.models.encoders import CachedEncoder, HashingEncoder
from gsim_env.models.registry import build_encoder
from tests.data import needs_p4g
from tests.helpers.stage_scores import cross_validated, phrases, sentences, written


def talk(*turns):
    return Dialogue(
        id="d", turns=tuple(Turn(role=role, text=text, stage=stage) for role, text, stage in turns)
    )


def test_few_labels_serve_and_given_ones_are_kept(tmp_path):
    known = talk(
        ("sales", "Hello, how are you?", "opening"),
        ("customer", "Hello!", "opening"),
        ("sales", "Would you give a dollar?", "ask"),
        ("customer", "No, I can't afford it.", "resistance"),
    )
    classifier = StageClassifier(HashingEncoder()).fit(
        [known], {"customer": [("Hi there, hello", "opening")]}
    )
    new = talk(
        ("sales", "Hello, how are you?", None),
        ("customer", "Hello hello!", None),
        ("sales", "Would you give some money?", None),
        ("customer", "I can't afford it, no.", None),
        ("sales", "Not even a cent?", None),
        ("customer", "Hello!", "other"),
    )
    (annotated,) = classifier.annotate([new])

    assert [turn.stage for turn in annotated.turns] == [
        "opening",
        "opening",
        "ask",
        "resistance",
        "ask",
        "other",
    ]
    assert classifier.annotate([new]) == [annotated]

    classifier.save(tmp_path / "classifier.joblib")
    assert StageClassifier.load(tmp_path / "classifier.joblib", HashingEncoder()).annotate(
        [new]
    ) == [annotated]


def test_a_classifier_needs_two_stages():
    one, two = [("Hello", "opening")], [("Hello", "opening"), ("Will you give?", "ask")]
    with pytest.raises(
        CorpusError, match="The customer turns have 1 labeled stages and a classifier needs two"
    ):
        StageClassifier(HashingEncoder()).fit([], {"sales": two, "customer": one})


def test_a_window_holds_the_neighbors_in_the_turn_and_the_turns_around():
    said = [
        ("sales", "A."),
        ("sales", "B?"),
        ("customer", "C."),
        ("customer", "D."),
        ("sales", "E."),
    ]
    window = windows([Segment(role, text) for role, text in said])[3]
    assert window[:-1] == ("D.", "C.", "", "A. B?", "B?", "E.", "E.")
    assert len(window.position) == len(window._field_defaults["position"])


@pytest.mark.slow
@needs_p4g
def test_on_a_fold_of_real_dialogues_it_beats_words_alone():
    """results/annotation.json has all five folds."""
    group, encoder = (
        Group.load_template(resolve_template_folder("charity")),
        CachedEncoder(build_encoder("minilm"), limit=None),
    )
    figures = cross_validated(sentences(), encoder, group, folds=1)
    for role, least in (("customer", 0.64), ("sales", 0.6)):
        assert figures[role]["ours"]["macro_f1"] > figures[role]["tf_idf"]["macro_f1"] + 0.03
        assert figures[role]["ours"]["macro_f1"] > least


@pytest.mark.slow
def test_on_written_calls_held_out(group):
    """A person labeled thirteen stages with the whole call in view; chance is one in thirteen."""
    figures = written(group, build_encoder("minilm"))["customer"]
    assert figures["accuracy"] > 0.4
    assert figures["macro_f1"] > 0.3


def test_the_second_pass_hears_what_the_first_makes_of_the_neighbors():
    """'Yes.' answers a question two turns earlier, outside the first pass's window."""
    calls = [
        talk(
            ("sales", "Hello.", "opening"),
            ("customer", question, "inquiry"),
            ("sales", f"Guess, {letter}.", meant),
            ("customer", "Yes.", answer),
        )
        for letter in "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"
        for question, meant, answer in (
            ("Who is there?", "name", "answer"),
            ("How much?", "ask", "commit"),
        )
    ]
    assert len(calls) > MIN_DIALOGUES_FOR_SECOND_PASS

    found = (
        StageClassifier(HashingEncoder())
        .fit(calls[2:], {})
        .predict([segments_of(call) for call in calls[:2]])
    )
    assert found == [
        ["opening", "inquiry", "name", "answer"],
        ["opening", "inquiry", "ask", "commit"],
    ]


def test_phrases_are_the_taxonomys(group):
    assert {stage for _, stage in phrases(group)["sales"]} == set(group.taxonomy.sales)
