"""Encoders are functions of the texts they are given; what remembers can forget."""

import numpy as np
import pytest

from gsim_env.models.encoders import CachedEncoder, HashingEncoder
from gsim_env.models.registry import build_encoder

TEXTS = [
    f"I have {number} tables and " + "no time, " * (number % 7) + "sorry." for number in range(150)
]


class Counting(HashingEncoder):
    def __init__(self):
        self.asked = []

    def encode(self, texts):
        self.asked.append(list(texts))
        return super().encode(texts)


def test_what_comes_again_is_not_encoded_again_until_it_is_forgotten():
    counting = Counting()
    encoder = CachedEncoder(counting, limit=2)
    rows = encoder.encode(["a", "b", "a"])
    assert np.array_equal(rows, HashingEncoder().encode(["a", "b", "a"]))
    encoder.encode(["b", "c"])
    assert counting.asked == [["a", "b"], ["c"]]
    encoder.encode(["a"])  # two are remembered, and it is the third last
    assert counting.asked[2:] == [["a"]]
    encoder.clear()
    encoder.encode(["a"])
    assert counting.asked[3:] == [["a"]]


@pytest.mark.slow
def test_the_same_texts_give_the_same_bits_whatever_came_before():
    encoder = build_encoder("minilm")
    rows = encoder.encode(TEXTS)
    encoder.encode(TEXTS[40:60])
    assert np.array_equal(encoder.encode(TEXTS), rows)
    assert np.allclose(encoder.encode(TEXTS[:3]), rows[:3], atol=1e-6)
    remembering = CachedEncoder(encoder)
    remembering.encode(TEXTS[:50])
    remembering.clear()
    assert np.array_equal(remembering.encode(TEXTS), rows)
