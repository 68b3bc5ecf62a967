"""Profile extraction: names, verbatim facts, ranked concerns, traits."""

import pytest

from gsim_env.corpus.extraction import StyleExtractor, describe_attributes
from gsim_env.corpus.style_features import Speech, find_name, self_disclosure
from gsim_env.errors import CorpusError
from gsim_env.models.encoders import HashingEncoder
from tests.corpus.helpers import dialogue


@pytest.fixture(scope="module")
def extractor(group):
    return StyleExtractor(group.config.archetypes, group.taxonomy, HashingEncoder())


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Hi, I'm Maria.", "Maria"),
        ("My name is Tom, what's yours?", "Tom"),
        ("hello. my name is danh", "Danh"),
        ("My name is Eric W Menkhus. u", "Eric W Menkhus"),
        ("Yes, this is Anne-Marie speaking.", "Anne-Marie"),
        ("Well, I am Pete", "Pete"),
        ("Call me Jim Bob. Lets talk", "Jim Bob"),
        ("I'm Sophia. I'm Fine, thanks.", "Sophia"),
    ],
)
def test_a_self_introduction_gives_the_name(text, name):
    assert find_name(["Hello?", text]) == name


@pytest.mark.parametrize(
    "text",
    [
        "I'm fine.",
        "I'm Fine. Did you know?",
        "I am Glad you are supportive of this.",
        "I am American and feel it.",
        "I'm Polish.",
        "My name is not important.",
        "This is February, no... March.",
        "I like what this is Great, really.",
        "This is Save the Children, isn't it?",
        "Is this Tom?",
        "My wife's name is Ruth.",
        "Thanks, Colin. I'm Interested.",
        "Call me Tuesday.",
        "I'm a baker.",
        "my name is on the door",
    ],
)
def test_other_words_give_none(text, extractor):
    assert find_name([text]) is None
    assert extractor.extract([dialogue(text, id="p4g-0012")])[0].name == "Customer p4g-0012"


def test_facts_are_at_most_four_sentences_word_for_word_in_the_order_said(extractor):
    said = (
        ("I bake forty loaves a night. And you?", "disclosure"),
        ("I think that's a lot. My sister does the till here.", "disclosure"),
        ("Do I have to sign something? We own the house.", "objection", "contract"),
        ("I'm sorry, I know. I've had this shop since 1998! Thank you, I mean it.", "question"),
        (
            "I only work mornings now. It rains a lot on us here. I will think about it.",
            "listening",
        ),
    )
    (profile,) = extractor.extract([dialogue(*said)])
    assert profile.facts == (
        "I bake forty loaves a night",
        "My sister does the till here",
        "I've had this shop since 1998!",
        "I only work mornings now",
    )
    # The objection tells something too; it is a pain point and not repeated.
    assert profile.pain_points == ("Do I have to sign something?", "We own the house")


def test_where_customers_tell_about_themselves_counts_more_than_elsewhere(extractor):
    elsewhere = [
        (f"We have {count} tables in here.", "refusal")
        for count in ("two", "three", "four", "five")
    ]
    told = ("We mostly do lunches for the office.", "disclosure")
    (profile,) = extractor.extract([dialogue(*elsewhere, told)])
    assert profile.facts[-1] == told[0].rstrip(".")
    assert len(profile.facts) == 4


@pytest.mark.parametrize(
    ("sentence", "tells"),
    [
        ("My mom is on the board.", 2),
        ("I have three children at home.", 2),
        ("I enjoy a walk in the rain.", 1),
        ("Have I told you about my shop?", 0),
        ("I do.", 0),
        ("I think it's my turn now.", 0),
        ("Yes, I'm sure we have it.", 0),
        ("Possibly, I'm not sure.", 0),
        ("Very noble of you and I hope others follow.", 0),
        ("Fifteen percent is a lot these days.", 0),
        ("We would have to ask the landlord.", 0),
        (" ".join(["I have a shop"] * 6), 0),
    ],
)
def test_only_declarative_first_person_sentences_tell_of_oneself(sentence, tells):
    assert self_disclosure(sentence) == tells


def test_labeled_concerns_come_often_and_early_first(extractor):
    turns = [
        ("Tied in for how long?", "objection", "contract"),
        ("What do you take?", "question", "commission"),
        ("Fifteen, that's mad.", "objection", "commission"),
        ("And the tablet?", "question", "hidden_costs"),
    ]
    assert extractor.extract([dialogue(*turns)])[0].concerns == (
        "commission",
        "contract",
        "hidden_costs",
    )

    del turns[2]
    assert extractor.extract([dialogue(*turns)])[0].concerns == (
        "contract",
        "commission",
        "hidden_costs",
    )

    late = [
        ("Hm.", "objection", concern)
        for concern in ("contract", "contract", "payout", "payout", "payout")
    ]
    assert extractor.extract([dialogue(*late)])[0].concerns == ("contract", "payout")


def test_without_concern_labels_turns_that_object_decide_and_then_all(extractor, group):
    raised = {name: concern.raised[0] for name, concern in group.taxonomy.concerns.items()}
    turns = (
        (raised["contract"], "question"),
        (raised["workload"], "objection"),
        (raised["commission"], "negotiation"),
    )
    assert extractor.extract([dialogue(*turns)])[0].concerns == ("workload", "commission")
    assert extractor.extract([dialogue("Hello?", raised["contract"])])[0].concerns == ("contract",)


def test_the_archetype_is_the_one_whose_definition_the_words_are_nearest(extractor, group):
    for name, archetype in group.config.archetypes.items():
        text = f"{name.replace('_', ' ')}: {archetype.definition}"
        assert extractor.extract([dialogue(text)])[0].archetype == name


def test_labels_move_the_archetype(extractor, group):
    """The concern's definition counts as the words do.

    These customers say the same and differ by a label alone.
    """
    found = {
        extractor.extract([dialogue(("Hm.", "objection", concern))])[0].archetype
        for concern in group.taxonomy.concerns
    }
    assert len(found) > 1


def test_traits_and_style_follow_the_figures():
    curt = Speech.of(["no", "why?", "ok", "how much?"])
    assert curt.traits == ("curt", "full of questions")
    assert "begins in lower case" in curt.style
    assert "100% of turns 5 words or fewer" in curt.style
    thanks = (
        "Thank you so much for telling me all of this about the children and the schools, "
        "I am very glad!"
    )
    warm = Speech.of([thanks])
    assert warm.traits == ("talkative", "polite", "enthusiastic")
    assert Speech.of(["The shop is open from nine to five on weekdays."]).traits == (
        "matter-of-fact",
    )
    assert "hesitant" in Speech.of(["Um, I guess we could perhaps do that in the spring."]).traits


def test_attributes_make_the_description_and_stay_out_of_the_listing(extractor):
    attributes = {
        "age": "48",
        "sex": "Female",
        "marital": "Married",
        "employment": "Other",
        "customer": "u17",
        "note": "",
    }
    assert describe_attributes(attributes) == "48 years old, female, married, employment other"
    (profile,) = extractor.extract([dialogue("Yes, speaking.", attributes=attributes)])
    assert profile.description == "48 years old, female, married, employment other"
    assert "48" not in profile.listing
    (profile,) = extractor.extract([dialogue("Yes, speaking.")])
    assert profile.description == "somebody curt"  # codespell:ignore


def test_order_situation_and_many_at_once(group):
    quiet = StyleExtractor(
        group.config.archetypes, group.taxonomy, HashingEncoder(), "at the stove"
    )
    dialogues = [
        dialogue("Hello?", f"I'm {name}.", *["Go on."] * n, id=name)
        for n, name in enumerate(["Ann", "Bea", "Cleo"])
    ]
    together = quiet.extract(dialogues)
    assert [profile.name for profile in together] == ["Ann", "Bea", "Cleo"]
    assert together == [quiet.extract([one])[0] for one in dialogues]
    assert together[0].situation == "at the stove"
    assert quiet.extract([]) == []


def test_text_is_data_and_loses_its_control_tokens(extractor):
    (profile,) = extractor.extract(
        [
            dialogue(
                "I have a $name {shop} <|im_start|>in town.",
                "<|im_end|>",
                attributes={"job": "<|im_end|>"},
            )
        ]
    )
    assert profile.facts == ("I have a $name {shop} in town",)
    assert (
        profile.description == "somebody curt, hesitant"  # codespell:ignore
    )  # what is left of the other turn is silence


@pytest.mark.parametrize(
    "turn", [("No.", "dancing"), ("No.", "objection", "dancing"), ("No.", None, "dancing")]
)
def test_a_label_that_is_not_the_groups_is_an_error_that_names_the_dialogue(extractor, turn):
    with pytest.raises(CorpusError, match=r"'p4g-7'.*'dancing'. Legal values"):
        extractor.extract([dialogue(turn, id="p4g-7")])
