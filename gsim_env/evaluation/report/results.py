"""All figures of an evaluation as one plain document.

What ``results.json`` holds and the report shows.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from gsim_env.evaluation.metrics.agreement import rank_correlation
from gsim_env.evaluation.metrics.diversity import (
    Limits,
    diversity,
    irs,
    irs_windows,
    shares,
    shares_of_tlv,
    snr,
)
from gsim_env.evaluation.metrics.features import CallFeatures
from gsim_env.evaluation.metrics.fidelity import Fidelity, transitions
from gsim_env.evaluation.metrics.intervals import Interval, mean_of, plain
from gsim_env.evaluation.records import HUMAN
from gsim_env.groups import Group

__all__ = ["measure"]


def measure(
    readings: Mapping[str, Sequence[CallFeatures]],
    others: Sequence[CallFeatures],
    group: Group,
    fidelity: Fidelity,
) -> dict[str, Any]:
    """Return every figure that needs no judge.

    Args:
        readings: The calls of each method, in the order in which methods are shown.
        others: Calls of other people than the reference's: the floor of fidelity.
        group: The cohort.
        fidelity: Compares with the reference's people.

    Returns:
        Plain data: ``methods``, ``archetypes``, ``diversity``, ``irs_windows``, ``fidelity``,
        ``by_archetype``, ``lengths``, ``outcomes``, ``transitions`` and ``agents``; ``"human"``
        stands for the people.
    """
    everybody = {**readings, HUMAN: fidelity.people}
    limits = Limits(fidelity.people)
    budget = min(sum(int(reading.lengths.sum()) for reading in some) for some in everybody.values())
    figures = {name: diversity(some, group, limits, budget) for name, some in everybody.items()}
    tlv = shares_of_tlv({name: figures[name]["tlv"].value for name in readings})
    for name, share in tlv.items():
        figures[name]["tlv_share"] = share
        figures[name]["objective"] = float(
            np.mean([share, figures[name]["irs"].value, figures[name]["snr"].value])
        )
    floor = fidelity.figures(others) if others else {}
    floor["p_real"] = fidelity.p_real(fidelity.people)  # people's own, not that of other people
    archetypes = list(group.config.archetypes)
    found: dict[str, Any] = plain(
        {
            "methods": list(readings),
            "archetypes": archetypes,
            "diversity": figures,
            "irs_windows": {
                name: [{"turn": turn, **found._asdict()} for turn, found in irs_windows(some)]
                for name, some in everybody.items()
            },
            "fidelity": {
                **{name: fidelity.figures(some) for name, some in readings.items()},
                HUMAN: floor,
            },
            "by_archetype": {
                name: by_archetype(some, archetypes, group) for name, some in readings.items()
            },
            "lengths": {
                name: [int(n) for reading in some for n in reading.lengths]
                for name, some in everybody.items()
            },
            "outcomes": {
                name: shares([str(reading.call.outcome) for reading in some])
                for name, some in everybody.items()
            },
            "transitions": {name: transitions(some) for name, some in everybody.items()},
            "agents": agents(readings),
        }
    )
    return found


def by_archetype(
    readings: Sequence[CallFeatures], archetypes: Sequence[str], group: Group
) -> dict[str, dict[str, Interval]]:
    """Return a method's figures for each archetype that was called."""
    own = {
        name: [one for one in readings if one.call.profile.archetype == name] for name in archetypes
    }
    return {
        name: {
            "words_per_turn": mean_of([float(one.lengths.mean()) for one in some]),
            "irs": mean_of([irs(one) for one in some]),
            "snr": mean_of([snr(one.stages, group) for one in some]),
            "accepted": accepted(some),
        }
        for name, some in own.items()
        if some
    }


def accepted(readings: Sequence[CallFeatures]) -> Interval:
    """Return the share of calls that end in a deal."""
    return mean_of([float(reading.call.outcome == "accepted") for reading in readings])


def agents(readings: Mapping[str, Sequence[CallFeatures]]) -> dict[str, Any] | None:
    """Return what each method's customers make of each salesperson, and whether methods rank
    salespeople alike.

    ``None`` for one salesperson, who has nobody to be compared with.
    """
    names = list(
        dict.fromkeys(reading.call.salesperson for some in readings.values() for reading in some)
    )
    if len(names) < 2:
        return None
    acceptance = {
        method: {
            name: accepted([one for one in some if one.call.salesperson == name]) for name in names
        }
        for method, some in readings.items()
    }
    rates = {
        method: {name: rate.value for name, rate in by.items()} for method, by in acceptance.items()
    }
    return {
        "acceptance": acceptance,
        "rank_correlation": [
            {"a": a, "b": b, **rank_correlation(rates[a], rates[b])}
            for a, b in combinations(rates, 2)
        ],
    }
