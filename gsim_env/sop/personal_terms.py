"""Which words are one customer's own.

Names of kin, streets, dishes. In another customer's mouth they make no sense.
"""

import re
from collections import Counter
from collections.abc import Sequence

from gsim_env.profiles import RecordedCall

__all__ = ["PersonalTerms", "words"]

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")  # noqa: RUF001 - the typographic apostrophe too

RARE = 1 / 80
"""A word is somebody's own if no more than this share of the recorded customers use it."""


def words(text: str) -> frozenset[str]:
    """Return the words of ``text`` in lower case."""
    return frozenset(WORD.findall(text.lower()))


class PersonalTerms:
    """Learns from recorded calls which words hardly anybody but the speaker uses.

    Args:
        calls: The corpus.
    """

    def __init__(self, calls: Sequence[RecordedCall]) -> None:
        """Count in how many calls customers use each word, and see which ones nobody ever writes small."""
        said = [
            frozenset().union(*(words(turn.text) for turn in call.customer_turns()))
            for call in calls
        ]
        self._small = {
            word
            for call in calls
            for turn in call.turns
            for word in WORD.findall(turn.text)
            if word[0].islower()
        }
        self._calls = Counter(word for one in said for word in one)
        self._most = RARE * len(said)
        self._found: dict[str, frozenset[str]] = {}

    def in_text(self, text: str) -> frozenset[str]:
        """Return the words of ``text``, in lower case, that are somebody's own."""
        if text not in self._found:  # the lines of a corpus come again call after call
            self._found[text] = frozenset(
                word for word in words(text) if self._calls[word] <= self._most
            )
        return self._found[text]

    def proper_nouns(self, text: str) -> frozenset[str]:
        """Return those words of ``of(text)`` that begin with a capital wherever anybody writes them, in lower case."""
        capitals = {word.lower() for word in WORD.findall(text) if word[0].isupper()}
        return (self.in_text(text) & capitals) - self._small
