"""Trains the embedded backend: a logistic regression over a frozen encoder, calibrated."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_predict
from sklearn.utils.class_weight import compute_sample_weight
from threadpoolctl import threadpool_limits

from gsim_env.discriminator.pairs import Answers, Floats
from gsim_env.models import Encoder
from gsim_env.rewards.embedding_discriminator import EmbeddingDiscriminator, features

__all__ = ["fit", "fit_temperature"]

STRENGTHS = (1e-3, 3e-3, 1e-2, 3e-2)
"""C of the logistic regression; the best of them is found by folds over the training dialogues."""

FOLDS = 3


def fit(answers: Answers, name: str, encoder: Encoder) -> EmbeddingDiscriminator:
    """Fit to answers, the strength and the temperature found on folds by dialogue that were not
    learnt from.

    People's and machines' answers weigh the same in all, however many there are.

    Args:
        answers: To learn from.
        name: What the registry calls the encoder.
        encoder: It, or one that remembers for it.
    """
    seen, folds = features(answers.turns, encoder), GroupKFold(FOLDS)
    machine = LogisticRegression(max_iter=1000, tol=1e-3, class_weight="balanced")
    search = GridSearchCV(machine, {"C": STRENGTHS}, scoring="roc_auc", cv=folds)
    with threadpool_limits(1):  # over vectors this short, threads do little but wait for each other
        search.fit(seen, answers.real, groups=answers.dialogues)
        best = search.best_estimator_
        unseen = cross_val_predict(
            best, seen, answers.real, groups=answers.dialogues, cv=folds, method="decision_function"
        )
    temperature = fit_temperature(unseen, answers.real)
    return EmbeddingDiscriminator(
        f"embedding({name})",
        name,
        best.coef_[0].astype(np.float32),
        float(best.intercept_[0]),
        temperature,
    )


def fit_temperature(logits: Floats, real: NDArray[np.bool_]) -> float:
    """Return T that makes sigma(f / T) likeliest (Guo et al.

    2017), in [0.05, 20]; both sides weigh the same.
    """
    weights = compute_sample_weight("balanced", real)

    def loss(log: float) -> float:
        return float(
            log_loss(
                real,
                1.0 / (1.0 + np.exp(-np.clip(logits / np.exp(log), -60.0, 60.0))),
                sample_weight=weights,
            )
        )

    return float(np.exp(minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded").x))
