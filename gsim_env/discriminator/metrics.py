"""Metrics of a pattern reward model on held-out dialogues: scores, transfer, learning curve."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import calibration_curve
from sklearn.metrics import f1_score, roc_auc_score

from gsim_env.discriminator.baselines import AnswerClassifier
from gsim_env.discriminator.pairs import (
    AnswerPair,
    Floats,
    labeled_answers_of_pairs,
    length_matched_pairs,
)
from gsim_env.discriminator.report import (
    ClassifierScores,
    HeldOutScores,
    LearningCurvePoint,
    UnseenGeneratorScores,
)
from gsim_env.rewards.pattern import Discriminator

__all__ = [
    "CalibrationBins",
    "FitFunction",
    "calibration_bins",
    "expected_calibration_error",
    "score_classifier",
    "score_on_held_out_pairs",
    "score_on_unseen_generators",
    "train_learning_curve",
]

BINS = 15

SHARES = (0.125, 0.25, 0.5)
"""Shares of the training dialogues for the points of the learning curve before the last."""

MIN_DIALOGUES = 5

FitFunction = Callable[[Sequence[AnswerPair], str], Discriminator]
"""Trains a discriminator on pairs; the second argument names its subfolder, "" for none."""


class CalibrationBins(NamedTuple):
    """Points of a reliability diagram: predicted and observed share of real answers per bin.

    Only the non-empty of 15 equal bins of P(real); arrays of shape (bins,).

    Attributes:
        predicted: Mean P(real) of the answers in the bin.
        real: Share of real answers in the bin.
        share: Share of all answers that are in the bin.
    """

    predicted: Floats
    real: Floats
    share: Floats


def score_on_held_out_pairs(
    classifiers: Mapping[str, AnswerClassifier], test: Sequence[AnswerPair], language: str
) -> HeldOutScores:
    """Return each classifier's accuracy, AUC, F1 and calibration error on held-out pairs.

    The scores of the classifier ``model`` are also returned by generator and temperature.
    """
    matched = list(length_matched_pairs(test, language))
    model = classifiers["model"]
    by_generator = _group_pairs(test, lambda pair: pair.generator)
    by_temperature = _group_pairs(test, lambda pair: str(pair.temperature))

    return HeldOutScores(
        all={name: score_classifier(classify, test) for name, classify in classifiers.items()},
        of_one_length={
            name: score_classifier(classify, matched) for name, classify in classifiers.items()
        },
        by_generator={name: score_classifier(model, pairs) for name, pairs in by_generator.items()},
        by_temperature={
            name: score_classifier(model, pairs) for name, pairs in by_temperature.items()
        },
    )


def score_on_unseen_generators(
    fit: FitFunction, training: Sequence[AnswerPair], test: Sequence[AnswerPair], language: str
) -> dict[str, UnseenGeneratorScores]:
    """Train one discriminator without each generator, and return its scores on that generator.

    Empty if there is only one generator.
    """
    scores: dict[str, UnseenGeneratorScores] = {}
    for name, test_pairs in _group_pairs(test, lambda pair: pair.generator).items():
        others = [pair for pair in training if pair.generator != name]
        if not others:
            continue

        classify = fit(others, f"without_{name}").probability
        scores[name] = UnseenGeneratorScores(
            all=score_classifier(classify, test_pairs),
            of_one_length=score_classifier(
                classify, list(length_matched_pairs(test_pairs, language))
            ),
        )
    return scores


def train_learning_curve(
    fit: FitFunction,
    training: Sequence[AnswerPair],
    test: Sequence[AnswerPair],
    language: str,
    whole: AnswerClassifier,
) -> list[LearningCurvePoint]:
    """Train discriminators on growing shares of the dialogues, and return their scores.

    Args:
        fit: Trains a model.
        training: All training pairs.
        test: Held-out pairs.
        language: BCP 47; the unit of length.
        whole: The model trained on all pairs, for the last point.
    """
    names = sorted({pair.call_id for pair in training})
    matched = list(length_matched_pairs(test, language))

    curve = []
    for share in (*SHARES, 1.0):
        kept = set(names[: max(MIN_DIALOGUES, round(share * len(names)))])
        pairs = [pair for pair in training if pair.call_id in kept]
        classify = whole if share == 1.0 else fit(pairs, f"{len(kept)}_dialogues").probability

        point = LearningCurvePoint(
            dialogues=len(kept),
            pairs=len(pairs),
            all=score_classifier(classify, test),
            of_one_length=score_classifier(classify, matched),
        )
        curve.append(point)
    return curve


def _group_pairs(
    pairs: Iterable[AnswerPair], key: Callable[[AnswerPair], str]
) -> dict[str, list[AnswerPair]]:
    """Return pairs grouped by a key, in the order of the keys."""
    groups: dict[str, list[AnswerPair]] = {}
    for pair in pairs:
        groups.setdefault(key(pair), []).append(pair)
    return dict(sorted(groups.items()))


def score_classifier(classify: AnswerClassifier, pairs: Sequence[AnswerPair]) -> ClassifierScores:
    """Return a classifier's accuracy, AUC, F1 and calibration error on pairs, to four digits."""
    if not pairs:
        return ClassifierScores(pairs=0)

    turns, real, _ = labeled_answers_of_pairs(pairs)
    probabilities = classify(turns)
    called_real = probabilities > 0.5

    return ClassifierScores(
        accuracy=_rounded(np.mean(called_real == real)),
        auc=_rounded(roc_auc_score(real, probabilities)),
        f1=_rounded(f1_score(real, called_real)),
        ece=_rounded(expected_calibration_error(probabilities, real)),
        real_called_real=_rounded(np.mean(called_real[real])),
        fake_called_fake=_rounded(np.mean(~called_real[~real])),
        pairs=len(pairs),
    )


def _rounded(value: np.floating | float) -> float:
    """Return a score with four digits after the point."""
    return round(float(value), 4)


def calibration_bins(probabilities: Floats, real: NDArray[np.bool_]) -> CalibrationBins:
    """Return the points of a reliability diagram of predicted probabilities and true labels."""
    real_share, predicted = calibration_curve(real, probabilities, n_bins=BINS)

    # calibration_curve does not return the bins' sizes: count with its own edges.
    edges = np.linspace(0.0, 1.0, BINS + 1)[1:-1]
    counts = np.bincount(np.searchsorted(edges, probabilities))
    return CalibrationBins(predicted, real_share, counts[counts > 0] / len(probabilities))


def expected_calibration_error(probabilities: Floats, real: NDArray[np.bool_]) -> float:
    """Return the expected calibration error over 15 equal bins (Guo et al. 2017), in [0, 1]."""
    bins = calibration_bins(probabilities, real)
    return float(np.sum(bins.share * np.abs(bins.predicted - bins.real)))
