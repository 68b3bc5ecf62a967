"""Two simulators side by side.

The differences of their figures, call by call where they called the same customers.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsim_env.errors import ConfigurationError, unknown
from gsim_env.evaluation.judge.judge import FIGURES, call_figures
from gsim_env.evaluation.metrics.agreement import rank_correlation
from gsim_env.evaluation.metrics.diversity import irs, snr, tlv
from gsim_env.evaluation.metrics.features import CallFeatures, FeatureExtractor
from gsim_env.evaluation.metrics.intervals import Interval, bootstrap, mean_of
from gsim_env.evaluation.records import EvaluatedCall
from gsim_env.evaluation.run import RATINGS, read_calls, read_ratings, read_results
from gsim_env.groups import Group

__all__ = ["Side", "compare", "side_of"]


class Side:
    """One of two simulators: a method of a finished evaluation.

    Args:
        folder: The evaluation.
        method: Which of its methods.

    Attributes:
        name: ``folder:method``.
        manifest: Where the evaluation's figures come from.
        calls: The method's calls.
        ratings: A judge's figures of each call, by its id; empty where it was not judged.

    Raises:
        ConfigurationError: if the folder holds no finished evaluation, or no such method.
    """

    def __init__(self, folder: Path, method: str) -> None:
        """Read it."""
        results = read_results(folder)
        if method not in results["methods"]:
            raise unknown(f"method of {folder}", method, results["methods"])
        self.name = f"{folder}:{method}"
        self.manifest: dict[str, Any] = results["manifest"]
        self.calls = [call for call in read_calls(folder) if call.method == method]
        self.ratings = call_figures(read_ratings(folder)) if (folder / RATINGS).is_file() else {}


def side_of(text: str) -> Side:
    """Return the side that ``FOLDER:METHOD`` names, or ``FOLDER`` if its evaluation has one method
    only.

    Raises:
        ConfigurationError: if the folder holds no finished evaluation, no such method, or several
            of which none is named.
    """
    folder, colon, method = text.rpartition(":")
    if not colon or not Path(folder).is_dir():
        folder, method = text, ""
    if method:
        return Side(Path(folder), method)
    methods = read_results(Path(folder))["methods"]
    if len(methods) > 1:
        raise ConfigurationError(
            f"{folder} compares {', '.join(methods)}. Say which: {folder}:{methods[0]}"
        )
    return Side(Path(folder), methods[0])


def compare(a: Side, b: Side, reader: FeatureExtractor, group: Group) -> dict[str, Any]:
    """Return the figures of two simulators of one group, and their differences.

    Calls with the same salesperson and the same customer are compared in pairs if both evaluations
    were of the same plan's seed and customers; else the two sets of calls are drawn independently.

    Args:
        a: One.
        b: The other.
        reader: Reads the calls.
        group: The cohort.

    Returns:
        ``a``, ``b`` (names), ``paired``, ``figures``: by name the intervals ``a``, ``b`` and
        ``difference`` (b - a); ``agents``: acceptance by salesperson of either, with the rank
        correlation, where both heard the same two or more.

    Raises:
        ConfigurationError: if they are of different groups.
    """
    if a.manifest["group_digest"] != b.manifest["group_digest"]:
        raise ConfigurationError(
            f"{a.name} and {b.name} are of different groups, or of different versions of one."
        )
    paired = all(
        a.manifest[name] == b.manifest[name] for name in ("seed", "people_digest", "calls")
    )
    readings = {side: {key(one.call): one for one in reader.read(side.calls)} for side in (a, b)}
    figures = {}
    for name, figure in measures(group, a, b).items():
        values = [
            {call: figure(side, one) for call, one in readings[side].items()} for side in (a, b)
        ]
        figures[name] = {
            "a": mean_of(list(values[0].values())),
            "b": mean_of(list(values[1].values())),
            "difference": difference(*values, paired=paired),
        }
    return {
        "a": a.name,
        "b": b.name,
        "paired": paired,
        "figures": figures,
        "agents": agents(a.calls, b.calls),
    }


def key(call: EvaluatedCall) -> tuple[str, int]:
    """Return what two calls of different methods share if they are to the same customer."""
    return call.salesperson, call.number


def measures(group: Group, *sides: Side) -> dict[str, Callable[[Side, CallFeatures], float]]:
    """Return the figures that a call has by itself; a judge's only if all sides were judged."""
    found: dict[str, Callable[[Side, CallFeatures], float]] = {
        "tlv": lambda _, one: tlv(one.lengths),
        "irs": lambda _, one: irs(one),
        "snr": lambda _, one: snr(one.stages, group),
        "words_per_turn": lambda _, one: float(one.lengths.mean()),
        "turns": lambda _, one: float(len(one.lengths)),
        "role_inversion": lambda _, one: float(one.inverted.mean()),
        "repetition": lambda _, one: float(one.repeated.mean()),
        "accepted": lambda _, one: float(one.call.outcome == "accepted"),
    }
    if all(side.ratings for side in sides):
        for name in FIGURES:
            found[name] = lambda side, one, name=name: side.ratings.get(one.call.id, {}).get(
                name, np.nan
            )  # type: ignore[misc]
    return found


def difference(
    a: Mapping[tuple[str, int], float], b: Mapping[tuple[str, int], float], *, paired: bool
) -> Interval:
    """Return the mean of b minus the mean of a.

    Calls without the figure (NaN) are left out, in pairs with their partners.
    """
    if paired:
        return mean_of([b[call] - a[call] for call in a if call in b])
    first, second = (
        np.array([value for value in side.values() if not np.isnan(value)]) for side in (a, b)
    )
    if not len(first) or not len(second):
        return mean_of([])
    rng = np.random.default_rng(1)

    def once(rows: NDArray[np.int64]) -> float:
        return float(second[rows].mean() - first[rng.integers(len(first), size=len(first))].mean())

    return bootstrap(len(second), once)._replace(value=float(second.mean() - first.mean()))


def agents(a: Sequence[EvaluatedCall], b: Sequence[EvaluatedCall]) -> dict[str, Any] | None:
    """Return whether two simulators rank the salespeople that called both alike.

    ``None`` for fewer than two.
    """
    rates = [
        {
            name: float(
                np.mean([call.outcome == "accepted" for call in calls if call.salesperson == name])
            )
            for name in dict.fromkeys(call.salesperson for call in calls)
        }
        for calls in (a, b)
    ]
    common = [name for name in rates[0] if name in rates[1]]
    if len(common) < 2:
        return None
    first, second = ({name: side[name] for name in common} for side in rates)
    return {"a": first, "b": second, **rank_correlation(first, second)}
