"""Metrics of a pattern reward model on held-out dialogues: scores, transfer, learning curve."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import calibration_curve
from sklearn.metrics import f1_score, roc_auc_score

from gsim_env.discriminator.baselines import Classifier
from gsim_env.discriminator.pairs import Floats, Pair, answers_of, length_matched
from gsim_env.discriminator.report import (
    HeldOutScores,
    LearningCurvePoint,
    Scores,
    TransferScores,
)
from gsim_env.rewards.pattern import Discriminator

__all__ = [
    "CalibrationBins",
    "Fit",
    "calibration_bins",
    "calibration_error",
    "held_out_scores",
    "learning_curve",
    "score_pairs",
    "transfer_scores",
]

BINS = 15

SHARES = (0.125, 0.25, 0.5)
"""Shares of the training dialogues for the points of the learning curve before the last."""

MIN_DIALOGUES = 5

Fit = Callable[[Sequence[Pair], str], Discriminator]
"""Trains a model on pairs; the second argument names the study, "" for the model itself."""


class CalibrationBins(NamedTuple):
    """Reliability by bin: the non-empty of 15 equal bins of P(real), arrays of shape (bins,).

    Attributes:
        predicted: Mean P(real) of the answers in the bin.
        real: Share of real answers in the bin.
        share: Share of all answers that are in the bin.
    """

    predicted: Floats
    real: Floats
    share: Floats


def held_out_scores(
    classifiers: Mapping[str, Classifier], test: Sequence[Pair], language: str
) -> HeldOutScores:
    """Return the scores of the classifiers, and the model's by generator and temperature."""
    matched = list(length_matched(test, language))
    model = classifiers["model"]
    by_generator = group_pairs(test, lambda pair: pair.generator)
    by_temperature = group_pairs(test, lambda pair: str(pair.temperature))

    return HeldOutScores(
        all={name: score_pairs(classify, test) for name, classify in classifiers.items()},
        of_one_length={
            name: score_pairs(classify, matched) for name, classify in classifiers.items()
        },
        by_generator={name: score_pairs(model, pairs) for name, pairs in by_generator.items()},
        by_temperature={name: score_pairs(model, pairs) for name, pairs in by_temperature.items()},
    )


def transfer_scores(
    fit: Fit, training: Sequence[Pair], test: Sequence[Pair], language: str
) -> dict[str, TransferScores]:
    """Return the scores on each generator of a model trained without it.

    Empty if there is only one generator.
    """
    scores: dict[str, TransferScores] = {}
    for name, test_pairs in group_pairs(test, lambda pair: pair.generator).items():
        others = [pair for pair in training if pair.generator != name]
        if not others:
            continue

        classify = fit(others, f"without_{name}").probability
        scores[name] = TransferScores(
            all=score_pairs(classify, test_pairs),
            of_one_length=score_pairs(classify, list(length_matched(test_pairs, language))),
        )
    return scores


def learning_curve(
    fit: Fit, training: Sequence[Pair], test: Sequence[Pair], language: str, whole: Classifier
) -> list[LearningCurvePoint]:
    """Return the scores of models trained on a part of the dialogues, fewest first.

    Args:
        fit: Trains a model.
        training: All training pairs.
        test: Held-out pairs.
        language: BCP 47; the unit of length.
        whole: The model trained on all pairs, for the last point.
    """
    names = sorted({pair.call_id for pair in training})
    matched = list(length_matched(test, language))

    curve = []
    for share in (*SHARES, 1.0):
        kept = set(names[: max(MIN_DIALOGUES, round(share * len(names)))])
        pairs = [pair for pair in training if pair.call_id in kept]
        classify = whole if share == 1.0 else fit(pairs, f"{len(kept)}_dialogues").probability

        point = LearningCurvePoint(
            dialogues=len(kept),
            pairs=len(pairs),
            all=score_pairs(classify, test),
            of_one_length=score_pairs(classify, matched),
        )
        curve.append(point)
    return curve


def group_pairs(pairs: Iterable[Pair], key: Callable[[Pair], str]) -> dict[str, list[Pair]]:
    """Return pairs grouped by a key, in the order of the keys."""
    groups: dict[str, list[Pair]] = {}
    for pair in pairs:
        groups.setdefault(key(pair), []).append(pair)
    return dict(sorted(groups.items()))


def score_pairs(classify: Classifier, pairs: Sequence[Pair]) -> Scores:
    """Return a classifier's scores on both answers of each pair, rounded to four digits."""
    if not pairs:
        return Scores(pairs=0)

    turns, real, _ = answers_of(pairs)
    probabilities = classify(turns)
    called_real = probabilities > 0.5

    return Scores(
        accuracy=rounded(np.mean(called_real == real)),
        auc=rounded(roc_auc_score(real, probabilities)),
        f1=rounded(f1_score(real, called_real)),
        ece=rounded(calibration_error(probabilities, real)),
        real_called_real=rounded(np.mean(called_real[real])),
        fake_called_fake=rounded(np.mean(~called_real[~real])),
        pairs=len(pairs),
    )


def rounded(value: np.floating | float) -> float:
    """Return a score with four digits after the point."""
    return round(float(value), 4)


def calibration_bins(probabilities: Floats, real: NDArray[np.bool_]) -> CalibrationBins:
    """Return the reliability diagram's points, by ``sklearn.calibration.calibration_curve``."""
    real_share, predicted = calibration_curve(real, probabilities, n_bins=BINS)

    # calibration_curve does not return the bins' sizes: count with its own edges.
    edges = np.linspace(0.0, 1.0, BINS + 1)[1:-1]
    counts = np.bincount(np.searchsorted(edges, probabilities))
    return CalibrationBins(predicted, real_share, counts[counts > 0] / len(probabilities))


def calibration_error(probabilities: Floats, real: NDArray[np.bool_]) -> float:
    """Return the expected calibration error over 15 equal bins (Guo et al. 2017), in [0, 1]."""
    bins = calibration_bins(probabilities, real)
    return float(np.sum(bins.share * np.abs(bins.predicted - bins.real)))
