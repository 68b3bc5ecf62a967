"""How well a pattern reward model tells people from machines, on dialogues that it did not learn from."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score, roc_auc_score

from gsim_env.discriminator.baselines import Judge
from gsim_env.discriminator.pairs import Floats, Pair, laid_out, matched
from gsim_env.rewards.pattern import Discriminator

__all__ = [
    "Fit",
    "calibration",
    "calibration_error",
    "learning_curve",
    "measured",
    "scores",
    "transfer",
]

BINS = 15
SHARES = (0.125, 0.25, 0.5)
Fit = Callable[[Sequence[Pair], str], Discriminator]
"""Trains on pairs; the second is a name for what is trained."""


def measured(judges: Mapping[str, Judge], test: Sequence[Pair], language: str) -> dict[str, Any]:
    """Return the figures of each judge on all pairs and on those of one length, and of the model by generator."""
    alike, model = list(matched(test, language)), judges["model"]
    return {
        "all": {name: scores(judge, test) for name, judge in judges.items()},
        "of_one_length": {name: scores(judge, alike) for name, judge in judges.items()},
        "by_generator": {
            name: scores(model, own) for name, own in by(test, lambda pair: pair.generator)
        },
        "by_temperature": {
            name: scores(model, own) for name, own in by(test, lambda pair: str(pair.temperature))
        },
    }


def transfer(
    fit: Fit, train: Sequence[Pair], test: Sequence[Pair], language: str
) -> dict[str, Any]:
    """Return how a model that never heard a generator tells it from people.

    Each is left out of training in turn.
    """
    found: dict[str, Any] = {}
    for name, own in by(test, lambda pair: pair.generator):
        others = [pair for pair in train if pair.generator != name]
        if others:
            judge = fit(others, f"without_{name}").probability
            found[name] = {
                "all": scores(judge, own),
                "of_one_length": scores(judge, list(matched(own, language))),
            }
    return found


def learning_curve(
    fit: Fit, train: Sequence[Pair], test: Sequence[Pair], language: str, whole: Judge
) -> list[dict[str, Any]]:
    """Return the figures of models that learnt from machines' answers in a part of the dialogues, and of the ``whole``."""
    names, alike, found = (
        sorted({pair.call_id for pair in train}),
        list(matched(test, language)),
        [],
    )
    for share in (*SHARES, 1.0):
        kept = set(names[: max(5, round(share * len(names)))])
        own = [pair for pair in train if pair.call_id in kept]
        judge = whole if share == 1.0 else fit(own, f"{len(kept)}_dialogues").probability
        figures = {"all": scores(judge, test), "of_one_length": scores(judge, alike)}
        found.append({"dialogues": len(kept), "pairs": len(own), **figures})
    return found


def by(pairs: Iterable[Pair], key: Callable[[Pair], str]) -> list[tuple[str, list[Pair]]]:
    """Return the pairs of each kind."""
    kinds: dict[str, list[Pair]] = {}
    for pair in pairs:
        kinds.setdefault(key(pair), []).append(pair)
    return sorted(kinds.items())


def scores(judge: Judge, pairs: Sequence[Pair]) -> dict[str, float]:
    """Return how a judge does on both answers of each pair.

    Nothing but the count if there is no pair.
    """
    if not pairs:
        return {"pairs": 0}
    turns, real, _ = laid_out(pairs)
    found = judge(turns)
    figures = {
        "accuracy": np.mean((found > 0.5) == real),
        "auc": roc_auc_score(real, found),
        "f1": f1_score(real, found > 0.5),
        "ece": calibration_error(found, real),
        "real_called_real": np.mean(found[real] > 0.5),
        "fake_called_fake": np.mean(found[~real] <= 0.5),
    }
    return {
        **{name: round(float(value), 4) for name, value in figures.items()},
        "pairs": len(pairs),
    }


def calibration(found: Floats, real: NDArray[np.bool_]) -> list[tuple[float, float, float]]:
    """Return, for each of fifteen equal bins that is not empty, the mean of P(real), the share of real and of all answers."""
    bins = np.minimum((found * BINS).astype(int), BINS - 1)
    return [
        (float(found[bins == b].mean()), float(real[bins == b].mean()), float(np.mean(bins == b)))
        for b in np.unique(bins)
    ]


def calibration_error(found: Floats, real: NDArray[np.bool_]) -> float:
    """Return the expected calibration error over fifteen equal bins (Guo et al.

    2017), in [0, 1].
    """
    return sum(share * abs(said - seen) for said, seen, share in calibration(found, real))
