"""Building blocks of ``results.json``: sections, numbers and intervals, with NaN stored as null."""

import math
from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

from gsim_env.util.stats import Interval

__all__ = ["ABSENT", "Estimate", "Number", "Section"]

DECIMALS = 6
"""Decimals of a stored number."""

ABSENT = Interval(math.nan, math.nan, math.nan, 0)
"""Stands for a figure that was not measured."""


def _to_stored(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), DECIMALS)


def _from_stored(value: object) -> object:
    return math.nan if value is None else value


def _interval_to_stored(interval: Interval) -> dict[str, float | int | None]:
    return {
        "value": _to_stored(interval.value),
        "low": _to_stored(interval.low),
        "high": _to_stored(interval.high),
        "n": interval.n,
    }


def _interval_from_stored(value: object) -> object:
    if value is None:
        return ABSENT
    if isinstance(value, Mapping):
        return {name: _from_stored(part) for name, part in value.items()}
    return value


Number = Annotated[
    float, BeforeValidator(_from_stored), PlainSerializer(_to_stored, when_used="json")
]
"""A number without an interval. NaN means not measured, and is null in JSON."""

Estimate = Annotated[
    Interval,
    BeforeValidator(_interval_from_stored),
    PlainSerializer(_interval_to_stored, when_used="json"),
]
"""A number with its 95 % interval: ``{"value", "low", "high", "n"}`` in JSON, NaN as null."""


class Section(BaseModel):
    """A part of an evaluation's results; unknown keys are an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def estimate(self, name: str) -> Interval:
        """Return a numeric field as an interval; a number without one has NaN ends and n = 0.

        Raises:
            AttributeError: if the section has no such field.
        """
        value: Interval | float | None = getattr(self, name)
        if isinstance(value, Interval):
            return value
        return ABSENT if value is None else ABSENT._replace(value=float(value))
