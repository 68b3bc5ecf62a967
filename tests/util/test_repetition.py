"""What was said before is known again through capitals, punctuation and a word put before it."""

import pytest

from gsim_env.corpus.mapping import FieldMapping
from gsim_env.corpus.readers import CorpusReader
from gsim_env.util.repetition import has_loop, is_repeated, words_of
from tests.data import P4G, needs_p4g

BEFORE = ["No, thanks.", "That is it.", "That is 15", "We could send the tablet round on Tuesday."]


@pytest.mark.parametrize(
    ("text", "again"),
    [
        ("No, thanks", False),
        ("That is it", True),
        ("that is... IT!", True),
        ("That is 12", False),
        ("Oh, send the tablet round on Tuesday.", True),
        ("Send the tablet round to somebody who wants it, not to me.", False),
    ],
)
def test_a_word_or_two_may_come_again_and_numbers_count(text, again):
    assert is_repeated(text, BEFORE, "That is 15") is again


def test_nothing_comes_right_after_itself():
    assert is_repeated("no thanks!", BEFORE, "No, thanks.")


@pytest.mark.parametrize(
    ("text", "caught"),
    [
        ("No, no, no.", False),
        ("No, no, no, no, it is not.", True),
        ("Go on, go on, go on... GO on", True),
        ("no nothing no nothing no nothing", False),
        ("We do lunches, we do lunches, we do lunches, we do lunches,", True),
    ],
)
def test_four_times_in_a_row_is_a_loop(text, caught):
    assert has_loop(text) is caught


def habits(dialogues):
    """Return how many customer turns there are, and how many loop, say again, and say a word or two right after themselves."""
    turns = looping = again = at_once = 0
    for dialogue in dialogues:
        before, last = [], ""
        for turn in dialogue.turns:
            if turn.role == "customer" and words_of(turn.text):
                repeated, short = (
                    is_repeated(turn.text, before, last),
                    len(words_of(turn.text)) <= 2,
                )
                turns, looping = turns + 1, looping + has_loop(turn.text)
                again, at_once = again + (repeated and not short), at_once + (repeated and short)
                last = turn.text
            before.append(turn.text)
    return turns, looping, again, at_once


def test_people_hardly_ever_do(group):
    turns, *found = habits(group.calls)
    assert turns > 1200
    assert found == [0, 0, 0]


@needs_p4g
def test_people_who_type_hardly_ever_do():
    turns, looping, again, at_once = habits(CorpusReader(P4G, FieldMapping.load("p4g")))
    assert turns > 8000
    assert again / turns < 0.0025
    assert (looping, at_once) == (0, 0)
