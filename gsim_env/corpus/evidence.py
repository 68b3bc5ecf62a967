"""Asking a language model for JSON about a dialogue, and checking that what it quotes was said."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from gsim_env.dialogue import Dialogue
from gsim_env.errors import SimulatorError
from gsim_env.models import Complete, LanguageModel, Message, Sampling
from gsim_env.util.text_safety import sanitize

__all__ = ["Evidence", "ask", "transcript"]

SAMPLING = Sampling(temperature=0.2, top_p=0.9, max_tokens=1024)

TRIES = 3
"""How often an answer that does not fit the schema is asked for again, with another seed."""

A = TypeVar("A", bound=BaseModel)


class Evidence:
    """Checks quotations and counts.

    Attributes:
        checked: Quotations looked up.
        dropped: How many of them do not occur.
    """

    def __init__(self) -> None:
        """Begin at zero."""
        self.checked = self.dropped = 0

    def holds(self, quotation: str, turns: Sequence[str], *, least: int = 2) -> bool:
        """Return whether ``quotation`` occurs in a turn, whatever the case and the spaces, as whole
        words.

        Args:
            quotation: What was said, they say; quotation marks around it and the transcript's
                ``C:`` are ignored.
            turns: What was said.
            least: Fewer words than that must be all of a turn: an "I" or a "the" is in anybody's
                mouth and shows nothing.
        """
        self.checked += 1
        wanted = _plain(quotation.strip().strip("\"'").removeprefix("C:"))
        pattern = re.compile(rf"(?<!\w){re.escape(wanted)}(?!\w)")
        said = (_plain(turn) for turn in turns)
        if len(wanted.split()) >= least:
            found = any(pattern.search(turn) for turn in said)
        else:
            found = wanted.strip(".,!? ") in {turn.strip(".,!? ") for turn in said} - {""}
        self.dropped += not found
        return found


async def ask(
    model: LanguageModel,
    messages: Sequence[Message],
    answer: type[A],
    schema: Mapping[str, Any],
    seed: int,
    what: str,
    *,
    check: Callable[[A], str | None] = lambda _: None,
    sampling: Sampling = SAMPLING,
) -> A:
    """Ask for JSON until it fits, three times at most.

    Args:
        model: Who is asked.
        messages: The prompt.
        answer: What the JSON is read as.
        schema: Its JSON schema, which may be narrower than ``answer``.
        seed: Of the first try; each further one has the next.
        what: What it is about, for the error.
        check: Returns what is wrong with an answer that ``answer`` lets pass, or ``None``.
        sampling: How to draw.

    Raises:
        SimulatorError: beginning with ``what``, if the model fails or no answer fits.
    """
    reason: str | None = None
    for attempt in range(TRIES):
        request = Complete("manager", list(messages), sampling, (seed + attempt) % 2**31, schema)
        try:
            text = (await model.acomplete(request)).text
        except SimulatorError as error:
            raise SimulatorError(f"{what}: {error}") from error
        try:
            found = answer.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            reason = (
                f"{'.'.join(map(str, first['loc']))}: {first['msg']} (of {error.error_count()})"
            )
            continue
        reason = check(found)
        if reason is None:
            return found
    raise SimulatorError(
        f"{what}: no answer fits the schema in {TRIES} tries, the last: {reason}. Use a larger model."
    )


def transcript(dialogue: Dialogue) -> str:
    """Return a dialogue as lines of ``S:`` and ``C:``, each without line breaks or control tokens."""
    lines = [
        f"{'S' if turn.role == 'sales' else 'C'}: {sanitize(turn.text)}" for turn in dialogue.turns
    ]
    return "\n".join(["Transcript:", *lines])


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
