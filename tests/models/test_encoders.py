"""Encoders are functions of their texts, and the cache is least recently used."""

import numpy as np
import pytest

from gsim_env.models.encoders import CachedEncoder, HashingEncoder
from gsim_env.models.registry import build_encoder

TEXTS = [
    f"I have {number} tables and " + "no time, " * (number % 7) + "sorry." for number in range(150)
]


class Counting(HashingEncoder):
    def __init__(self):
        self.batches = []

    def encode(self, texts):
        self.batches.append(list(texts))
        return super().encode(texts)


def test_known_texts_are_not_encoded_again_until_cleared():
    counting = Counting()
    encoder = CachedEncoder(counting, limit=2)
    rows = encoder.encode(["a", "b", "a"])
    assert np.array_equal(rows, HashingEncoder().encode(["a", "b", "a"]))
    encoder.encode(["b", "a"])
    assert counting.batches == [["a", "b"]]
    encoder.clear()
    encoder.encode(["a"])
    assert counting.batches[1:] == [["a"]]


def test_the_least_recently_used_text_is_dropped():
    counting = Counting()
    encoder = CachedEncoder(counting, limit=2)
    for texts in (["a"], ["b"], ["a"], ["c"], ["a"], ["b"]):
        encoder.encode(texts)
    assert counting.batches == [["a"], ["b"], ["c"], ["b"]]


def test_more_texts_than_the_limit_are_encoded_in_one_call():
    counting = Counting()
    rows = CachedEncoder(counting, limit=1).encode(["a", "b", "c"])
    assert np.array_equal(rows, HashingEncoder().encode(["a", "b", "c"]))
    assert counting.batches == [["a", "b", "c"]]


@pytest.mark.slow
def test_equal_texts_give_equal_bits_whatever_was_encoded_before():
    encoder = build_encoder("minilm")
    rows = encoder.encode(TEXTS)
    encoder.encode(TEXTS[40:60])
    assert np.array_equal(encoder.encode(TEXTS), rows)
    assert np.allclose(encoder.encode(TEXTS[:3]), rows[:3], atol=1e-6)
    cached = CachedEncoder(encoder)
    cached.encode(TEXTS[:50])
    cached.clear()
    assert np.array_equal(cached.encode(TEXTS), rows)
