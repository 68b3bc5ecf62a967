"""Which words are one customer's own: names of kin, streets, dishes. In another customer's mouth they make no sense."""

import re
from collections import Counter
from collections.abc import Iterable

from gsim_env.profiles import RecordedCall

__all__ = ["OwnWords", "words"]

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")  # noqa: RUF001 - the typographic apostrophe too

RARE = 1 / 80
"""A word is somebody's own if no more than this share of the recorded customers use it."""

NAME = 2
"""A name tells as much of somebody's life as so many other words."""


def words(text: str) -> list[str]:
    """Return the words of ``text`` as they are written, in order."""
    return WORD.findall(text)


class OwnWords:
    """Learns from recorded calls which words hardly anybody but the speaker uses.

    Args:
        calls: The corpus.
    """

    def __init__(self, calls: Iterable[RecordedCall]) -> None:
        """Count in how many calls customers use each word, and note those that are ever written small."""
        self._calls: Counter[str] = Counter()
        self._small: set[str] = set()
        total = 0
        for call in calls:
            said = {word for turn in call.customer_turns() for word in words(turn.text)}
            self._calls.update({word.lower() for word in said})
            self._small |= {word for word in said if word == word.lower()}
            total += 1
        self._most = RARE * total
        self._read: dict[str, dict[str, int]] = {}

    def of(self, text: str) -> dict[str, int]:
        """Return the rare words of ``text`` in lower case, each with its weight: 1, a name's :data:`NAME`."""
        if text not in self._read:  # the lines of a corpus come again call after call
            rare = (word.lower() for word in words(text) if self._calls[word.lower()] <= self._most)
            self._read[text] = {word: 1 if word in self._small else NAME for word in rare}
        return self._read[text]

    def foreign(self, text: str, own: frozenset[str]) -> int:
        """Return how much of ``text`` is about somebody else's life: the weights of rare words that are not in ``own``.

        Args:
            text: What was said.
            own: Words, in lower case, of the customer in whose mouth it is to be put.
        """
        return sum(weight for word, weight in self.of(text).items() if word not in own)
