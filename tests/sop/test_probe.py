"""The linear probe: it tells classes apart, and what is of none."""

import numpy as np
import pytest

from gsim_env.sop.probe import LinearProbe


@pytest.fixture
def examples():
    """Unit vectors about three directions; those about the third are of no class."""
    rng = np.random.default_rng(0)
    vectors = np.repeat(np.eye(3, 16), 40, axis=0) + 0.1 * rng.standard_normal((120, 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return ["a"] * 40 + ["b"] * 40 + [None] * 40, vectors.astype(np.float32)


def test_classes_are_told_apart_and_what_is_of_none_scores_low(examples):
    labels, vectors = examples
    probe = LinearProbe(labels[::2], vectors[::2])
    assert probe.best(vectors[1:80:2]) == labels[1:80:2]
    assert probe.above(vectors[1::2], 0.5, 2) == [
        [] if label is None else [label] for label in labels[1::2]
    ]
    assert probe.scores(vectors[81::2]).max() < 0.5


def test_at_most_limit_classes_are_named_best_first(examples):
    probe = LinearProbe(*examples)
    between = (
        np.eye(3, 16, dtype=np.float32)[[0]] * 0.8 + np.eye(3, 16, dtype=np.float32)[[1]] * 0.6
    )
    assert probe.above(between, 0.0, 2) == [["a", "b"]]
    assert probe.above(between, 0.0, 1) == [["a"]]


def test_unlabeled_examples_do_not_dominate(examples):
    labels, vectors = examples
    few = (
        ["a"] * 5 + ["b"] * 5 + [None] * 110
    )  # most of what is about "a" and "b" has no label, as a machine leaves it
    order = np.r_[0:5, 40:45, 5:40, 45:120]
    probe = LinearProbe(few, vectors[order])
    assert np.mean(probe.scores(vectors[:40])[:, 0]) > 0.25
    assert np.mean(probe.scores(vectors[80:])[:, 0]) < 0.1
    assert probe.best(vectors[:80]) == labels[:80]
