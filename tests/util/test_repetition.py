"""Detection of repeated utterances and loops, and how often people repeat themselves."""

import pytest

from gsim_env.corpus.mapping import FieldMapping
from gsim_env.corpus.readers import CorpusReader
from gsim_env.util.repetition import comparable_words, has_word_loop, is_repeated_utterance
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
        ("Send the tablet round to someone who wants it, not to me.", False),
    ],
)
def test_short_utterances_may_repeat_and_numbers_differ(text, again):
    assert is_repeated_utterance(text, BEFORE, "That is 15") is again


def test_a_consecutive_repetition_is_detected():
    assert is_repeated_utterance("no thanks!", BEFORE, "No, thanks.")


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
    assert has_word_loop(text) is caught


def habits(dialogues):
    """Return the numbers of customer turns, loops, repetitions, and consecutive short ones."""
    turns = looping = again = at_once = 0
    for dialogue in dialogues:
        before, last = [], ""
        for turn in dialogue.turns:
            if turn.role == "customer" and comparable_words(turn.text):
                repeated = is_repeated_utterance(turn.text, before, last)
                short = len(comparable_words(turn.text)) <= 2
                turns += 1
                looping += has_word_loop(turn.text)
                again += repeated and not short
                at_once += repeated and short
                last = turn.text
            before.append(turn.text)
    return turns, looping, again, at_once


def test_people_on_the_phone_hardly_repeat_themselves(group):
    turns, *repetitions = habits(group.calls)
    assert turns > 1200
    assert repetitions == [0, 0, 0]


@needs_p4g
def test_people_who_type_hardly_repeat_themselves():
    turns, looping, again, at_once = habits(CorpusReader(P4G, FieldMapping.load("p4g")))
    assert turns > 8000
    assert again / turns < 0.0025
    assert (looping, at_once) == (0, 0)
