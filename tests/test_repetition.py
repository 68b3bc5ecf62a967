"""What was said before is known again through capitals, punctuation and a word put before it."""

import pytest

from gsim_env.repetition import loops, said_again

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
    assert said_again(text, BEFORE, "That is 15") is again


def test_nothing_comes_right_after_itself():
    assert said_again("no thanks!", BEFORE, "No, thanks.")


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
    assert loops(text) is caught
