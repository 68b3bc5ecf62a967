"""Speed of the multi-level reward against the raw encoder, on batches of GRPO's shape."""

import numpy as np
import pytest

from gsim_env.models.registry import build_encoder, shared_cached_encoder
from gsim_env.rewards.multi_level import multi_level
from gsim_env.rewards.pattern import load_discriminator
from gsim_env.rewards.turns import Turn
from tests.benchmarks.timing import Stopwatch, interleaved

pytestmark = pytest.mark.slow

SIZES, GROUP = (1, 32, 256, 1024), 8
"""Answers per batch, and answers per prompt, which share a context and a reference."""


def turns_of(group, size):
    """Return turns of the corpus with answers drawn from other customers' turns."""
    rng = np.random.default_rng(size)
    answers: list[str] = []
    customer_turns: list[tuple] = []
    for call in group.calls:
        answers += [turn.text for turn in call.customer_turns()]
        customer_turns += [(call, index) for index in range(1, len(call.turns), 2)]

    turns = []
    for drawn in rng.permutation(len(customer_turns))[: -(-size // GROUP)]:
        call, index = customer_turns[drawn]
        context = [
            {"role": "assistant" if i % 2 else "user", "content": t.text}
            for i, t in enumerate(call.turns[:index])
        ]
        turns += [
            Turn(context, answers[i], call.turns[index].text)
            for i in rng.integers(len(answers), size=GROUP)
        ]
    return turns[:size]


@pytest.mark.parametrize("size", SIZES)
def test_rewards_beside_the_raw_encoder(benchmark, group, size):
    turns = turns_of(group, size if benchmark.enabled else min(size, GROUP))
    model = load_discriminator("charity")
    encoder, raw = shared_cached_encoder("minilm"), build_encoder("minilm")
    distinct: set[str] = set()
    for turn in turns:
        distinct |= {turn.answer, turn.reference, turn.context[-1]["content"]}
    texts = list(distinct)
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
    (wall, _), (raw_wall, _) = interleaved(benchmark, ours, reference)
    benchmark.extra_info |= {
        "answers": len(turns),
        "distinct_texts": len(texts),
        "of_raw_encoder": raw_wall / wall,
    }
    assert all(reward == rewards[0] for reward in rewards)
