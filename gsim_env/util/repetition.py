"""UtteranceFlow what was said before: models fall into it, people hardly ever do."""

import re
from collections.abc import Iterable
from functools import lru_cache

__all__ = ["copies_from", "has_loop", "is_repeated"]

WORD = re.compile(r"\w+(?:['\u2019]\w+)?")

COPIED_WORDS, COPIED_SHARE = 5, 0.8
"""An utterance copies another if so many of its words in a row, and such a share of them all, stand there."""

REPEATABLE_WORDS = 2
"""Answers of up to so many words ("Mm.", "No, thanks.") may come again, though not right after
themselves: people's never do (``tests/test_repetition.py`` counts)."""

LOOP = re.compile(r"\b(\w+(?:\W+\w+){0,2})(?:\W+\1\b){3,}")


@lru_cache(maxsize=4096)  # what was said is read again at every turn of its call
def words_of(text: str) -> tuple[str, ...]:
    return tuple(WORD.findall(text.lower()))


def copies_from(text: str, other: str) -> bool:
    """Return whether most of ``text`` stands in ``other``, in one piece."""
    said, heard = words_of(text), words_of(other)
    least = max(COPIED_WORDS, int(-(-COPIED_SHARE * len(said) // 1)))
    windows = {heard[start : start + least] for start in range(len(heard) - least + 1)}
    return any(said[start : start + least] in windows for start in range(len(said) - least + 1))


def has_loop(text: str) -> bool:
    """Return whether one to three words come more than three times in a row, which they do in none of people's turns."""
    return LOOP.search(text.lower()) is not None


def is_repeated(text: str, before: Iterable[str], last: str) -> bool:
    """Return whether ``text`` says again, but for capitals and punctuation, what either side said
    ``before`` in the call.

    Of people's turns 2 in 1,000 do, at most. A word or two may come again, only not right after the
    customer's ``last`` answer.
    """
    words = words_of(text)
    if len(words) <= REPEATABLE_WORDS:
        return words == words_of(last)
    return any(words == words_of(line) or copies_from(text, line) for line in before)
