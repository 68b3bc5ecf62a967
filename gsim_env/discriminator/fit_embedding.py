"""Training of the embedding backend: calibrated logistic regression over a frozen encoder."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_predict
from sklearn.utils.class_weight import compute_sample_weight
from threadpoolctl import threadpool_limits

from gsim_env.discriminator.pairs import Floats, LabeledAnswers
from gsim_env.models import Encoder
from gsim_env.rewards.embedding_discriminator import EmbeddingDiscriminator, answer_feature_matrix

__all__ = ["fit_calibration_temperature", "fit_embedding_discriminator"]

C_GRID = (1e-3, 3e-3, 1e-2, 3e-2)
"""Values tried for C of the logistic regression; cross-validation by dialogue selects one."""

FOLDS = 3


def fit_embedding_discriminator(
    answers: LabeledAnswers, encoder_name: str, encoder: Encoder
) -> EmbeddingDiscriminator:
    """Train the embedding discriminator: a logistic regression, calibrated by cross-validation.

    C and the temperature are chosen by cross-validation. Folds keep dialogues together. The classes
    Real and Fake have equal total weight.

    Args:
        answers: Training answers.
        encoder_name: The encoder's name in the registry.
        encoder: The encoder, or a caching wrapper of it.
    """
    inputs = answer_feature_matrix(answers.turns, encoder)
    folds = GroupKFold(FOLDS)
    regression = LogisticRegression(max_iter=1000, tol=1e-3, class_weight="balanced")
    search = GridSearchCV(regression, {"C": C_GRID}, scoring="roc_auc", cv=folds)

    # One thread: with vectors this short, BLAS threads mostly wait for each other.
    with threadpool_limits(1):
        search.fit(inputs, answers.real, groups=answers.dialogues)
        best = search.best_estimator_
        logits = cross_val_predict(
            best,
            inputs,
            answers.real,
            groups=answers.dialogues,
            cv=folds,
            method="decision_function",
        )

    return EmbeddingDiscriminator(
        name=f"embedding({encoder_name})",
        encoder=encoder_name,
        weights=best.coef_[0].astype(np.float32),
        bias=float(best.intercept_[0]),
        temperature=fit_calibration_temperature(logits, answers.real),
    )


def fit_calibration_temperature(logits: Floats, real: NDArray[np.bool_]) -> float:
    """Return the temperature in [0.05, 20] that calibrates a binary classifier's logits.

    Maximizes the likelihood of sigma(f / T): temperature scaling (Guo et al. 2017). Both classes
    have equal total weight.

    Args:
        logits: f of answers that the model was not trained on, shape (answers,).
        real: True for a human's answer, shape (answers,).
    """
    weights = compute_sample_weight("balanced", real)

    def loss(log_temperature: float) -> float:
        scaled = np.clip(logits / np.exp(log_temperature), -60.0, 60.0)
        return float(log_loss(real, 1.0 / (1.0 + np.exp(-scaled)), sample_weight=weights))

    return float(np.exp(minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded").x))
