"""A dialogue as a sequence of segments, and what each of them stands among.

Segments are turns, or sentences of turns where labels are per sentence. Annotation happens after
the call, so what comes next is evidence too: an answer shows that there was a question.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np

from gsim_env.dialogue import Dialogue, Role

__all__ = ["Segment", "Window", "segments_of", "windows"]


class Segment(NamedTuple):
    """A stretch of speech by one side, with its stage where it is labeled."""

    role: Role
    text: str
    stage: str | None = None


class Window(NamedTuple):
    """A segment, what is said around it (empty where there is nothing), and where it stands.

    Attributes:
        text: The segment.
        previous: The segment before it in the same turn.
        following: The one after it.
        before: The turn of the other side before it.
        before_last: The last segment of that.
        after: The turn of the other side after it.
        after_first: The first segment of that.
        place: Place in the dialogue and in the turn, and length, each about 0 to 1.
    """

    text: str
    previous: str = ""
    following: str = ""
    before: str = ""
    before_last: str = ""
    after: str = ""
    after_first: str = ""
    place: tuple[float, ...] = (0.0,) * 15


def segments_of(dialogue: Dialogue) -> list[Segment]:
    """Return a dialogue as segments: its turns."""
    return [Segment(turn.role, turn.text, turn.stage) for turn in dialogue.turns]


def windows(sequence: Sequence[Segment]) -> list[Window]:
    """Return what each segment of a dialogue stands among."""
    turns = [
        [segment.text for segment in turn]
        for _, turn in groupby(sequence, key=lambda segment: segment.role)
    ]
    found = []
    for number, turn in enumerate(turns):
        before = turns[number - 1] if number else [""]
        after = turns[number + 1] if number + 1 < len(turns) else [""]
        for index, text in enumerate(turn):
            found.append(
                Window(
                    text,
                    turn[index - 1] if index else "",
                    turn[index + 1] if index + 1 < len(turn) else "",
                    " ".join(before),
                    before[-1],
                    " ".join(after),
                    after[0],
                    place(number, len(turns), index, len(turn), text),
                )
            )
    return found


def place(turn: int, turns: int, index: int, segments: int, text: str) -> tuple[float, ...]:
    """Return where a segment stands.

    Openings, closings and their neighbors each have a feature of their own.
    """
    share, left = turn / turns, turns - turn
    flags = (turn == 0, turn == 1, turn == 2, turn == 3, left <= 1, left <= 2, left <= 4)
    inside = (index == 0, index == 1, index > 1, index == segments - 1, segments == 1)
    return (
        share,
        share**2,
        np.log1p(len(text.split())) / 3,
        *map(float, flags),
        *map(float, inside),
    )
