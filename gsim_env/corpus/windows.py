"""Windows: each segment of a dialogue with the segments and turns around it, for annotation.

Segments are turns, or sentences of turns where labels are per sentence. Annotation happens after
the call, so the following turn is evidence as well: an answer shows that there was a question.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np

from gsim_env.dialogue import Dialogue, Role

__all__ = ["Segment", "Window", "segments_of", "windows"]


class Segment(NamedTuple):
    """A stretch of speech by one side, with its stage if it is labeled."""

    role: Role
    text: str
    stage: str | None = None


class Window(NamedTuple):
    """A segment with its surroundings; texts are empty where there is nothing.

    Attributes:
        text: The segment.
        previous: The previous segment of the same turn.
        following: The next segment of the same turn.
        before: The other side's turn before it.
        before_last: The last segment of ``before``.
        after: The other side's turn after it.
        after_first: The first segment of ``after``.
        position: Position in the dialogue and in the turn, and length; each about 0 to 1.
    """

    text: str
    previous: str = ""
    following: str = ""
    before: str = ""
    before_last: str = ""
    after: str = ""
    after_first: str = ""
    position: tuple[float, ...] = (0.0,) * 15


def segments_of(dialogue: Dialogue) -> list[Segment]:
    """Return the turns of a dialogue as segments."""
    return [Segment(turn.role, turn.text, turn.stage) for turn in dialogue.turns]


def windows(segments: Sequence[Segment]) -> list[Window]:
    """Return the window of each segment of a dialogue."""
    turns = [
        [segment.text for segment in turn]
        for _, turn in groupby(segments, key=lambda segment: segment.role)
    ]

    result = []
    for number, turn in enumerate(turns):
        before = turns[number - 1] if number else [""]
        after = turns[number + 1] if number + 1 < len(turns) else [""]
        for index, text in enumerate(turn):
            window = Window(
                text=text,
                previous=turn[index - 1] if index else "",
                following=turn[index + 1] if index + 1 < len(turn) else "",
                before=" ".join(before),
                before_last=before[-1],
                after=" ".join(after),
                after_first=after[0],
                position=position_features(number, len(turns), index, len(turn), text),
            )
            result.append(window)
    return result


def position_features(
    turn: int, turns: int, index: int, segments: int, text: str
) -> tuple[float, ...]:
    """Return where a segment is in its dialogue and turn, and how long it is.

    The first and last turns have features of their own.

    Args:
        turn: The number of the turn, from 0.
        turns: Turns of the dialogue.
        index: The number of the segment in the turn, from 0.
        segments: Segments of the turn.
        text: The segment.
    """
    share = turn / turns
    remaining = turns - turn
    in_dialogue = (
        turn == 0,
        turn == 1,
        turn == 2,
        turn == 3,
        remaining <= 1,
        remaining <= 2,
        remaining <= 4,
    )
    in_turn = (index == 0, index == 1, index > 1, index == segments - 1, segments == 1)

    length = np.log1p(len(text.split())) / 3
    return (share, share**2, length, *map(float, in_dialogue), *map(float, in_turn))
