"""Evidence checks: whether the words that a language model quotes occur in the dialogue."""

import re
from collections.abc import Sequence

from gsim_env.dialogue import Dialogue
from gsim_env.util.text import normalize_for_comparison
from gsim_env.util.text_safety import sanitize_text

__all__ = ["Evidence", "transcript"]


class Evidence:
    """Looks up quotations and counts them.

    Attributes:
        checked: Quotations looked up.
        dropped: Quotations that do not occur.
    """

    def __init__(self) -> None:
        """Start both counts at 0."""
        self.checked = 0
        self.dropped = 0

    def holds(self, quotation: str, turns: Sequence[str], *, min_words: int = 2) -> bool:
        """Return whether a quotation occurs in a turn as whole words; case and spaces are ignored.

        Args:
            quotation: The quoted words; quotation marks around them and the transcript's ``C:`` are
                removed.
            turns: The customer's turns.
            min_words: Quotations with fewer words must be a whole turn: single common words such as
                "I" or "the" are not evidence.
        """
        self.checked += 1
        quoted = normalize_for_comparison(quotation.strip().strip("\"'").removeprefix("C:"))
        texts = [normalize_for_comparison(turn) for turn in turns]

        if len(quoted.split()) >= min_words:
            pattern = re.compile(rf"(?<!\w){re.escape(quoted)}(?!\w)")
            occurs = any(pattern.search(text) for text in texts)
        else:
            whole_turns = {_without_punctuation(text) for text in texts} - {""}
            occurs = _without_punctuation(quoted) in whole_turns

        self.dropped += not occurs
        return occurs


def transcript(dialogue: Dialogue) -> str:
    """Return a dialogue as ``S:`` and ``C:`` lines without line breaks and control tokens."""
    lines = [
        f"{'S' if turn.role == 'sales' else 'C'}: {sanitize_text(turn.text)}"
        for turn in dialogue.turns
    ]
    return "\n".join(["Transcript:", *lines])


def _without_punctuation(text: str) -> str:
    return text.strip(".,!? ")
