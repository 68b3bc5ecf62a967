"""Which words are one customer's own: names of kin, streets, dishes. In another customer's mouth they make no sense."""

import re
from collections import Counter
from collections.abc import Iterable

from gsim_env.profiles import RecordedCall

__all__ = ["OwnWords", "words"]

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")  # noqa: RUF001 - the typographic apostrophe too

RARE = 1 / 80
"""A word is somebody's own if no more than this share of the recorded customers use it."""


def words(text: str) -> frozenset[str]:
    """Return the words of ``text`` in lower case."""
    return frozenset(WORD.findall(text.lower()))


class OwnWords:
    """Learns from recorded calls which words hardly anybody but the speaker uses.

    Args:
        calls: The corpus.
    """

    def __init__(self, calls: Iterable[RecordedCall]) -> None:
        """Count in how many calls customers use each word."""
        said = [frozenset().union(*(words(turn.text) for turn in call.customer_turns())) for call in calls]
        self._calls = Counter(word for one in said for word in one)
        self._most = RARE * len(said)
        self._found: dict[str, frozenset[str]] = {}

    def of(self, text: str) -> frozenset[str]:
        """Return the words of ``text``, in lower case, that are somebody's own."""
        if text not in self._found:  # the lines of a corpus come again call after call
            self._found[text] = frozenset(word for word in words(text) if self._calls[word] <= self._most)
        return self._found[text]
