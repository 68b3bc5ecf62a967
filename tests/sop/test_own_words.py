"""Words that only one customer uses are told from everybody's."""

import pytest

from gsim_env.dialogue import Turn
from gsim_env.sop.own_words import OwnWords


@pytest.fixture
def learnt(group):
    def learn(*rare: str) -> OwnWords:
        """160 customers: those who say the given things, and others who all say the same."""
        said = [*rare, *["We do lunches here, the two of us."] * (160 - len(rare))]
        pairs = [(Turn(role="sales", text="Guidry?"), Turn(role="customer", text=text)) for text in said]
        return OwnWords([group.calls[0].model_copy(update={"turns": pair}) for pair in pairs])

    return learn


def test_words_that_one_customer_uses_are_its_own_and_those_that_all_use_are_not(learnt):
    own_words = learnt("We do the goose, here.", "Guidry, do lunches!")
    assert own_words.of("Guidry, the two of us do GOOSE here.") == {"guidry", "goose"}
    assert own_words.of("We do lunches.") == frozenset()


def test_two_of_160_customers_are_few_and_three_are_not(learnt):
    assert learnt("goose", "goose here").of("goose") == {"goose"}
    assert learnt("goose", "goose here", "we do goose").of("goose") == frozenset()


def test_names_are_own_words_that_nobody_writes_small(learnt):
    own_words = learnt("Goose, Enzo? We do the goose, I tell Enzo.", "Guidry, do lunches!")
    assert own_words.names("Enzo does goose. Goose! Guidry too.") == {"enzo", "guidry"}
    assert own_words.names("enzo does goose") == frozenset()


def test_where_calls_are_few_no_word_that_was_said_is_rare(group):
    own_words = OwnWords(group.calls[:20])
    assert all(own_words.of(turn.text) == frozenset() for call in group.calls[:20] for turn in call.customer_turns())
