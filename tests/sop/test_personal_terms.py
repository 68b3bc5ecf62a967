"""Words that only one customer uses are told from everybody's."""

import pytest

from gsim_env.dialogue import Turn
from gsim_env.sop.personal_terms import PersonalTerms


@pytest.fixture
def learnt(group):
    def learn(*rare: str) -> PersonalTerms:
        """160 customers: those who say the given things, and others who all say the same."""
        said = [*rare, *["We do lunches here, the two of us."] * (160 - len(rare))]
        pairs = [
            (Turn(role="sales", text="Guidry?"), Turn(role="customer", text=text)) for text in said
        ]
        return PersonalTerms([group.calls[0].model_copy(update={"turns": pair}) for pair in pairs])

    return learn


def test_words_of_one_customer_are_personal_terms(learnt):
    personal_terms = learnt("We do the goose, here.", "Guidry, do lunches!")
    assert personal_terms.in_text("Guidry, the two of us do GOOSE here.") == {"guidry", "goose"}
    assert personal_terms.in_text("We do lunches.") == frozenset()


def test_two_of_160_customers_are_few_and_three_are_not(learnt):
    assert learnt("goose", "goose here").in_text("goose") == {"goose"}
    assert learnt("goose", "goose here", "we do goose").in_text("goose") == frozenset()


def test_names_are_personal_terms_that_nobody_writes_small(learnt):
    personal_terms = learnt("Goose, Enzo? We do the goose, I tell Enzo.", "Guidry, do lunches!")
    assert personal_terms.proper_nouns("Enzo does goose. Goose! Guidry too.") == {"enzo", "guidry"}
    assert personal_terms.proper_nouns("enzo does goose") == frozenset()


def test_where_calls_are_few_no_word_that_was_said_is_rare(group):
    personal_terms = PersonalTerms(group.calls[:20])
    assert all(
        personal_terms.in_text(turn.text) == frozenset()
        for call in group.calls[:20]
        for turn in call.customer_turns()
    )
