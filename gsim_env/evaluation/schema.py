"""Building blocks of ``results.json``: sections, and numbers whose NaN is stored as null."""

import math
from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

from gsim_env.util.stats import ConfidenceInterval

__all__ = ["ABSENT", "IntervalField", "Number", "ResultsSection", "field_as_interval"]

DECIMALS = 6
"""Decimals of a stored number."""

ABSENT = ConfidenceInterval(math.nan, math.nan, math.nan, 0)
"""Stands for a metric that was not measured."""


def _interval_to_json(interval: ConfidenceInterval) -> dict[str, float | int | None]:
    """Return an interval by its field names, rounded; NaN, which JSON lacks, becomes ``None``."""
    return {
        name: None if math.isnan(number) else round(number, DECIMALS)
        for name, number in interval._asdict().items()
    }


def _interval_from_json(value: object) -> object:
    """Return what :func:`_interval_to_json` returned with NaN where it holds ``None``."""
    if not isinstance(value, Mapping):
        return value
    return {name: math.nan if number is None else number for name, number in value.items()}


IntervalField = Annotated[
    ConfidenceInterval, BeforeValidator(_interval_from_json), PlainSerializer(_interval_to_json)
]
"""A ``ConfidenceInterval``; as JSON an object with ``value``, ``low``, ``high`` and ``n``."""


def _to_json(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), DECIMALS)


def _from_json(value: object) -> object:
    return math.nan if value is None else value


Number = Annotated[float, BeforeValidator(_from_json), PlainSerializer(_to_json, when_used="json")]
"""A number without an interval. NaN means not measured, and is null in JSON."""


class ResultsSection(BaseModel):
    """Base model of every section of ``results.json``; unknown keys are an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def field_as_interval(section: BaseModel, name: str) -> ConfidenceInterval:
    """Return a numeric field of a results section as an interval.

    A number without an interval gets NaN ends and n = 0; ``None`` becomes :data:`ABSENT`.

    Raises:
        AttributeError: if the section has no such field.
    """
    value: ConfidenceInterval | float | None = getattr(section, name)
    if isinstance(value, ConfidenceInterval):
        return value
    return ABSENT if value is None else ABSENT._replace(value=float(value))
