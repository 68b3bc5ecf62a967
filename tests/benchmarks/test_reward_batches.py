"""The customer's three rewards on real turns, against the raw encoder on the same texts, for batches of GRPO's shape."""

import numpy as np
import pytest

from gsim_env.models.registry import build_encoder, shared_encoder
from gsim_env.rewards.multi_level import multi_level
from gsim_env.rewards.pattern import load_discriminator
from gsim_env.rewards.turns import Turn
from tests.benchmarks.timing import Stopwatch, beside

pytestmark = pytest.mark.slow

SIZES, GROUP = (1, 32, 256, 1024), 8
"""Answers in a batch, and answers to one prompt: these share their context and their reference."""


def answered(group, size):
    """Turns of the corpus's calls; each of a group of answers is what some customer said."""
    rng = np.random.default_rng(size)
    said = [turn.text for call in group.calls for turn in call.customer_turns()]
    places = [(call, index) for call in group.calls for index in range(1, len(call.turns), 2)]
    turns = []
    for place in rng.permutation(len(places))[: -(-size // GROUP)]:
        call, index = places[place]
        context = [
            {"role": "assistant" if i % 2 else "user", "content": t.text}
            for i, t in enumerate(call.turns[:index])
        ]
        turns += [
            Turn(context, said[i], call.turns[index].text)
            for i in rng.integers(len(said), size=GROUP)
        ]
    return turns[:size]


@pytest.mark.parametrize("size", SIZES)
def test_rewards_beside_the_raw_encoder(benchmark, group, size):
    turns = answered(group, size if benchmark.enabled else min(size, GROUP))
    model, encoder, raw = (
        load_discriminator("charity"),
        shared_encoder("minilm"),
        build_encoder("minilm"),
    )
    texts = list(
        {
            text
            for turn in turns
            for text in (turn.answer, turn.reference, turn.context[-1]["content"])
        }
    )
    rewards = []

    def ours():
        encoder.clear()
        with Stopwatch() as watch:
            rewards.append(multi_level(turns, model, encoder))
        return watch

    def reference():
        with Stopwatch() as watch:
            raw.encode(texts)
        return watch

    reference()  # loads the encoder
    (wall, _), (raw_wall, _) = beside(benchmark, ours, reference)
    benchmark.extra_info |= {
        "answers": len(turns),
        "distinct_texts": len(texts),
        "of_raw_encoder": raw_wall / wall,
    }
    assert all(found == rewards[0] for found in rewards)
