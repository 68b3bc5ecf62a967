"""Personal terms: words that only few customers use, such as names, streets and dishes."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import chain

from gsim_env.profiles import RecordedCall

__all__ = ["PersonalTerms", "words"]

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")  # noqa: RUF001 - the typographic apostrophe too

MAX_CALL_SHARE = 1 / 80
"""A word is a personal term if at most this share of the recorded customers use it."""


def words(text: str) -> frozenset[str]:
    """Return the distinct words of ``text``, letters only, in lower case."""
    return frozenset(WORD.findall(text.lower()))


class PersonalTerms:
    """Detector of personal terms: words that very few customers use, by counts in recorded calls.

    Args:
        calls: The corpus.
    """

    def __init__(self, calls: Sequence[RecordedCall]) -> None:
        """Count the calls with each word; collect words that occur in lower case (not names)."""
        vocabularies = [call_vocabulary(call) for call in calls]
        self._calls = Counter(chain.from_iterable(vocabularies))
        self._limit = MAX_CALL_SHARE * len(vocabularies)

        self._lower_case: set[str] = set()
        for turn in chain.from_iterable(call.turns for call in calls):
            self._lower_case.update(word for word in WORD.findall(turn.text) if word[0].islower())
        self._cache: dict[str, frozenset[str]] = {}

    def in_text(self, text: str) -> frozenset[str]:
        """Return the personal terms of ``text``, in lower case."""
        if text not in self._cache:  # the lines of a corpus are looked up in every call
            terms = (word for word in words(text) if self._calls[word] <= self._limit)
            self._cache[text] = frozenset(terms)
        return self._cache[text]

    def proper_nouns(self, text: str) -> frozenset[str]:
        """Return the personal terms of ``text`` that are always capitalized, in lower case."""
        capitals = {word.lower() for word in WORD.findall(text) if word[0].isupper()}
        return (self.in_text(text) & capitals) - self._lower_case


def call_vocabulary(call: RecordedCall) -> frozenset[str]:
    """Return the distinct words that the customer of a call says, in lower case."""
    return frozenset().union(*(words(turn.text) for turn in call.customer_turns()))
