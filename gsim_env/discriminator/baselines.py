"""Baselines of a pattern reward model: classifiers that see less than it does."""

import random
from collections.abc import Callable, Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from gsim_env.discriminator.pairs import AnswerPair, Floats, labeled_answers_of_pairs
from gsim_env.rewards.pattern import Discriminator
from gsim_env.rewards.turns import Turn
from gsim_env.util.text import count_words

__all__ = ["AnswerClassifier", "model_and_baseline_classifiers"]

TOKENS = r"(?u)\w+|[^\w\s]"

AnswerClassifier = Callable[[Sequence[Turn]], Floats]
"""Returns P(real) of each turn, shape (turns,)."""


def model_and_baseline_classifiers(
    training: Sequence[AnswerPair], model: Discriminator, seed: int, language: str
) -> dict[str, AnswerClassifier]:
    """Return P(real) classifiers by name: the reward model and baselines fitted on its pairs.

    ``shuffled_context`` is the model itself with each answer in another answer's context.
    """
    return {
        "model": _cached(model.probability),
        "shuffled_context": lambda turns: model.probability(_shuffle_contexts(turns, seed)),
        "bag_of_words": _fit_bag_of_words_baseline(training),
        "length_only": _fit_length_baseline(training, language),
    }


def _cached(classify: AnswerClassifier) -> AnswerClassifier:
    """Return a classifier that scores each turn once: metrics and plots use the same turns."""
    known: dict[tuple[str, str], float] = {}

    def classify_new(turns: Sequence[Turn]) -> Floats:
        keys = [(str(turn.context), turn.answer) for turn in turns]
        new = {key: turn for key, turn in zip(keys, turns, strict=True) if key not in known}
        if new:
            known.update(zip(new, classify(list(new.values())), strict=True))
        return np.array([known[key] for key in keys])

    return classify_new


def _fit_length_baseline(training: Sequence[AnswerPair], language: str) -> AnswerClassifier:
    """Return a logistic regression over functions of an answer's length."""

    def length_features(turns: Sequence[Turn]) -> Floats:
        counts = np.array([count_words(turn.answer, language) for turn in turns], dtype=np.float64)
        return np.stack([np.log1p(counts), np.log1p(counts) ** 2, counts / 20.0], axis=1)

    turns, real, _ = labeled_answers_of_pairs(training)
    regression = LogisticRegression(max_iter=1000).fit(length_features(turns), real)
    return lambda turns: np.asarray(regression.predict_proba(length_features(turns))[:, 1])


def _fit_bag_of_words_baseline(training: Sequence[AnswerPair]) -> AnswerClassifier:
    """Return a logistic regression over the words of an answer, without its context."""
    turns, real, _ = labeled_answers_of_pairs(training)
    pipeline = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=TOKENS),
        LogisticRegression(max_iter=1000),
    )
    pipeline.fit([turn.answer for turn in turns], real)

    def classify(turns: Sequence[Turn]) -> Floats:
        return np.asarray(pipeline.predict_proba([turn.answer for turn in turns])[:, 1])

    return classify


def _shuffle_contexts(turns: Sequence[Turn], seed: int) -> list[Turn]:
    """Return the answers with their contexts permuted."""
    contexts = [turn.context for turn in turns]
    random.Random(seed).shuffle(contexts)
    return [turn._replace(context=context) for turn, context in zip(turns, contexts, strict=True)]
