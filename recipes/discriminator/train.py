"""Train the embedded pattern reward model, a logistic regression over a frozen encoder, and measure it.

    python -m recipes.discriminator.train --d-sim my_group/d_sim/train.parquet --negatives negatives.jsonl --out DIR

A tenth of the dialogues is held out. The folder gets the model (``embedding.json``) and ``report.json``: accuracy, AUC, F1
and expected calibration error beside baselines that look at less, on all held-out pairs and on those of one length, and by
generator. ``--leave-out NAME`` keeps a generator out of training, and the report says how the model does on it.
"""

import argparse
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, log_loss, roc_auc_score
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from gsim_env.models.registry import build_encoder
from recipes.discriminator.pairs import Pair, counts, digest, held_out, load, matched
from reward_fns.embedding_discriminator import EmbeddingDiscriminator, features
from reward_fns.turns import Turn

Floats = NDArray[np.float64]
Judge = Callable[[Sequence[Turn]], Floats]
"""Returns P(real) of each turn."""

STRENGTHS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
"""C of the logistic regression; the best of them is found by folds over the training dialogues."""

FOLDS, BINS = 5, 15


def main() -> None:
    """Parse the command line, train and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--d-sim", type=Path, required=True, help="parquet file that gsim group build wrote")
    parser.add_argument("--negatives", type=Path, required=True, help="what recipes.discriminator.negatives wrote")
    parser.add_argument("--out", type=Path, required=True, help="folder of the model and its report")
    parser.add_argument("--encoder", default="minilm")
    parser.add_argument("--leave-out", help="generator to keep out of training, at all its temperatures")
    parser.add_argument("--held-out", type=float, default=0.1, help="share of the dialogues kept for the report")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    pairs = load(args.d_sim, args.negatives)
    names = sorted({name_of(pair) for pair in pairs})
    if args.leave_out not in (None, *names):
        parser.error(f"--leave-out must be one of {', '.join(names)}, got {args.leave_out}.")
    test = [pair for pair in pairs if held_out(pair, args.held_out)]
    train = [pair for pair in pairs if not held_out(pair, args.held_out) and name_of(pair) != args.leave_out]
    model = fit(train, args.encoder)
    args.out.mkdir(parents=True, exist_ok=True)
    model.save(args.out)
    report = {
        "d_sim_sha256": digest(args.d_sim),
        "negatives_sha256": digest(args.negatives),
        "seed": args.seed,
        "left_out": args.leave_out,
        "pairs": {"train": counts(train), "test": counts(test)},
        "temperature": round(model.temperature, 3),
        "held_out": measured(train, test, model, args.seed),
    }
    (args.out / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=1))


def name_of(pair: Pair) -> str:
    """Return a pair's generator without its temperature."""
    return pair.generator.rpartition("@")[0]


def fit(pairs: Sequence[Pair], encoder: str) -> EmbeddingDiscriminator:
    """Fit to pairs and to those that can be made of one length; calibrate on folds that were not learnt from."""
    pairs = [*pairs, *matched(pairs)]
    turns, real, groups = laid_out(pairs)
    seen = features(turns, build_encoder(encoder))
    folds = GroupKFold(FOLDS)
    search = GridSearchCV(LogisticRegression(max_iter=2000), {"C": STRENGTHS}, scoring="neg_log_loss", cv=folds)
    search.fit(seen, real, groups=groups)
    best = search.best_estimator_
    unseen = cross_val_predict(best, seen, real, groups=groups, cv=folds, method="decision_function")
    found = minimize_scalar(
        lambda log: log_loss(real, sigmoid(unseen / np.exp(log))), bounds=(-3.0, 3.0), method="bounded"
    )
    name = f"embedding({encoder})"
    return EmbeddingDiscriminator(name, encoder, best.coef_[0], float(best.intercept_[0]), float(np.exp(found.x)))


def laid_out(pairs: Sequence[Pair]) -> tuple[list[Turn], NDArray[np.bool_], list[str]]:
    """Return both answers of each pair, which are real, and whose dialogue they are of."""
    turns = [turn for pair in pairs for turn in (pair.real, pair.fake)]
    return turns, np.array([True, False] * len(pairs)), [pair.call_id for pair in pairs for _ in range(2)]


def measured(train: Sequence[Pair], test: Sequence[Pair], model: EmbeddingDiscriminator, seed: int) -> dict[str, Any]:
    """Return the figures of the model, of what looks at less, and of the model by generator."""
    judges: dict[str, Judge] = {
        "model": model.probability,
        "shuffled_context": lambda turns: model.probability(shuffled(turns, seed)),
        "length_only": by_length(train),
        "bag_of_words": by_words(train),
    }
    alike = list(matched(test))
    figures: dict[str, Any] = {
        "all": {name: scores(judge, test) for name, judge in judges.items()},
        "of_one_length": {name: scores(judge, alike) for name, judge in judges.items()} if alike else None,
    }
    generators = sorted({pair.generator for pair in test})
    figures["by_generator"] = {
        name: scores(model.probability, [pair for pair in test if pair.generator == name]) for name in generators
    }
    return figures


def by_length(train: Sequence[Pair]) -> Judge:
    """Return a logistic regression that is told how many words an answer has."""
    turns, real, _ = laid_out(train)
    machine = LogisticRegression(max_iter=1000).fit(sizes(turns), real)
    return lambda some: np.asarray(machine.predict_proba(sizes(some))[:, 1])


def by_words(train: Sequence[Pair]) -> Judge:
    """Return a logistic regression over the words of an answer, whatever it answers."""
    turns, real, _ = laid_out(train)
    machine = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(max_iter=1000))
    machine.fit([turn.answer for turn in turns], real)
    return lambda some: np.asarray(machine.predict_proba([turn.answer for turn in some])[:, 1])


def sizes(turns: Sequence[Turn]) -> Floats:
    """Return the length of each answer as a logistic regression can bend it, shape (turns, 3)."""
    counts = np.array([len(turn.answer.split()) for turn in turns], dtype=np.float64)
    return np.stack([np.log1p(counts), np.log1p(counts) ** 2, counts / 20.0], axis=1)


def shuffled(turns: Sequence[Turn], seed: int) -> list[Turn]:
    """Return the answers in each other's contexts."""
    contexts = [turn.context for turn in turns]
    random.Random(seed).shuffle(contexts)
    return [turn._replace(context=context) for turn, context in zip(turns, contexts, strict=True)]


def scores(judge: Judge, pairs: Sequence[Pair]) -> dict[str, float]:
    """Return how a judge does on both answers of each pair."""
    turns, real, _ = laid_out(pairs)
    found = judge(turns)
    figures = {
        "accuracy": np.mean((found > 0.5) == real),
        "auc": roc_auc_score(real, found),
        "f1": f1_score(real, found > 0.5),
        "ece": calibration_error(found, real),
        "pairs": len(pairs),
    }
    return {name: round(float(value), 4) for name, value in figures.items()}


def calibration_error(found: Floats, real: NDArray[np.bool_]) -> float:
    """Return the expected calibration error over fifteen equal bins (Guo et al. 2017), in [0, 1]."""
    bins = np.minimum((found * BINS).astype(int), BINS - 1)
    gaps = [abs(found[bins == b].mean() - real[bins == b].mean()) * np.mean(bins == b) for b in np.unique(bins)]
    return float(sum(gaps))


def sigmoid(logits: Floats) -> Floats:
    """Return 1 / (1 + e^-x)."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits, -60.0, 60.0))))


if __name__ == "__main__":
    main()
