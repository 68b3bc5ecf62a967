"""Detection of loops, copies and repeated utterances, which small models produce."""

import math
import re
from collections.abc import Iterable
from functools import lru_cache

from gsim_env.util import text as texts

__all__ = ["copies_from", "has_loop", "is_repeated"]

MIN_COPIED_WORDS = 5
MIN_COPIED_SHARE = 0.8
"""A copy shares this many consecutive words, and this share of its words, with the original."""

MAX_REPEATABLE_WORDS = 2
"""Utterances of up to this many words ("Mm.", "No, thanks.") may repeat, but not consecutively.

People repeat themselves this way and no other (``tests/util/test_repetition.py``).
"""

LOOP = re.compile(r"\b(\w+(?:\W+\w+){0,2})(?:\W+\1\b){3,}")
"""One to three words, four or more times in a row."""


@lru_cache(maxsize=4096)  # earlier utterances are compared in every turn of a call
def words_of(text: str) -> tuple[str, ...]:
    return tuple(texts.words(text))


def copies_from(text: str, other: str) -> bool:
    """Return whether most of ``text`` occurs in ``other`` as one sequence of words."""
    copy = words_of(text)
    original = words_of(other)
    length = max(MIN_COPIED_WORDS, math.ceil(MIN_COPIED_SHARE * len(copy)))

    windows = {original[start : start + length] for start in range(len(original) - length + 1)}
    starts = range(len(copy) - length + 1)
    return any(copy[start : start + length] in windows for start in starts)


def has_loop(text: str) -> bool:
    """Return whether one to three words occur more than three times in a row."""
    return LOOP.search(text.lower()) is not None


def is_repeated(text: str, before: Iterable[str], last: str) -> bool:
    """Return whether ``text`` repeats an utterance of the call, apart from case and punctuation.

    In recorded calls at most 2 of 1,000 turns do.

    Args:
        text: A new utterance of the customer.
        before: Earlier utterances of both sides.
        last: The customer's last utterance; short utterances are compared with this one only.
    """
    words = words_of(text)
    if len(words) <= MAX_REPEATABLE_WORDS:
        return words == words_of(last)
    return any(words == words_of(line) or copies_from(text, line) for line in before)
