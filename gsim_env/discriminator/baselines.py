"""What a pattern reward model is compared with: judges that look at less than it does."""

import random
from collections.abc import Callable, Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from gsim_env.discriminator.pairs import Floats, Pair, laid_out
from gsim_env.rewards.format import length
from gsim_env.rewards.pattern import Discriminator
from gsim_env.rewards.turns import Turn

__all__ = ["Judge", "judges"]

TOKENS = r"(?u)\w+|[^\w\s]"

Judge = Callable[[Sequence[Turn]], Floats]
"""Returns P(real) of each turn."""


def judges(
    train: Sequence[Pair], model: Discriminator, seed: int, language: str
) -> dict[str, Judge]:
    """Return the model and its baselines, which learn from the same pairs as it, by name.

    ``shuffled_context`` is the model, told that each answer was given in another's context.
    """
    return {
        "model": remembering(model.probability),
        "shuffled_context": lambda turns: model.probability(shuffled(turns, seed)),
        "bag_of_words": by_words(train),
        "length_only": by_length(train, language),
    }


def remembering(judge: Judge) -> Judge:
    """Return a judge that says the same again without looking.

    Figures and plots are about the same turns.
    """
    known: dict[tuple[str, str], float] = {}

    def judged(turns: Sequence[Turn]) -> Floats:
        keys = [(str(turn.context), turn.answer) for turn in turns]
        new = {key: turn for key, turn in zip(keys, turns, strict=True) if key not in known}
        known.update(zip(new, judge(list(new.values())) if new else (), strict=True))
        return np.array([known[key] for key in keys])

    return judged


def by_length(train: Sequence[Pair], language: str) -> Judge:
    """Return a logistic regression that is told how long an answer is, as it can bend it."""

    def seen(turns: Sequence[Turn]) -> Floats:
        counts = np.array([length(turn.answer, language) for turn in turns], dtype=np.float64)
        return np.stack([np.log1p(counts), np.log1p(counts) ** 2, counts / 20.0], axis=1)

    turns, real, _ = laid_out(train)
    machine = LogisticRegression(max_iter=1000).fit(seen(turns), real)
    return lambda some: np.asarray(machine.predict_proba(seen(some))[:, 1])


def by_words(train: Sequence[Pair]) -> Judge:
    """Return a logistic regression over the words of an answer, whatever it answers."""
    turns, real, _ = laid_out(train)
    machine = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=TOKENS),
        LogisticRegression(max_iter=1000),
    )
    machine.fit([turn.answer for turn in turns], real)
    return lambda some: np.asarray(machine.predict_proba([turn.answer for turn in some])[:, 1])


def shuffled(turns: Sequence[Turn], seed: int) -> list[Turn]:
    """Return the answers in each other's contexts."""
    contexts = [turn.context for turn in turns]
    random.Random(seed).shuffle(contexts)
    return [turn._replace(context=context) for turn, context in zip(turns, contexts, strict=True)]
