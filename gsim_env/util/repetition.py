"""Detection of loops, copies and repeated utterances, which small models produce."""

import math
import re
from collections.abc import Iterable
from functools import lru_cache

from gsim_env.util import text as texts

__all__ = ["has_word_loop", "is_mostly_copied", "is_repeated_utterance"]

MIN_COPIED_WORDS = 5
MIN_COPIED_SHARE = 0.8
"""A copy shares this many consecutive words, and this share of its words, with the original."""

MAX_REPEATABLE_WORDS = 2
"""Utterances of up to this many words ("Mm.", "No, thanks.") may repeat, but not consecutively.

People hardly repeat themselves in any other way (``tests/util/test_repetition.py``).
"""

LOOP = re.compile(r"\b(\w+(?:\W+\w+){0,2})(?:\W+\1\b){3,}")
"""One to three words, four or more times in a row."""


@lru_cache(maxsize=4096)  # earlier utterances are compared in every turn of a call
def comparable_words(text: str) -> tuple[str, ...]:
    """Return the lowercase words of a text as a tuple, cached, for repetition checks."""
    return tuple(texts.split_words(text))


def is_mostly_copied(text: str, other: str) -> bool:
    """Return whether most words of ``text`` occur in ``other`` as one sequence."""
    copy = comparable_words(text)
    original = comparable_words(other)
    length = max(MIN_COPIED_WORDS, math.ceil(MIN_COPIED_SHARE * len(copy)))

    windows = {original[start : start + length] for start in range(len(original) - length + 1)}
    starts = range(len(copy) - length + 1)
    return any(copy[start : start + length] in windows for start in starts)


def has_word_loop(text: str) -> bool:
    """Return whether a sequence of one to three words occurs four or more times in a row."""
    return LOOP.search(text.lower()) is not None


def is_repeated_utterance(text: str, before: Iterable[str], last: str) -> bool:
    """Return whether ``text`` repeats an utterance of the call, apart from case and punctuation.

    In recorded dialogues fewer than 0.25 % of turns do (``tests/util/test_repetition.py``).

    Args:
        text: A new utterance of the customer.
        before: Earlier utterances of both sides.
        last: The customer's last utterance; short utterances are compared with this one only.
    """
    words = comparable_words(text)
    if len(words) <= MAX_REPEATABLE_WORDS:
        return words == comparable_words(last)
    return any(words == comparable_words(line) or is_mostly_copied(text, line) for line in before)
