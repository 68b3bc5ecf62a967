"""Rewards of whole calls: human likeness and cycle consistency."""

import asyncio

import numpy as np
import pytest

from gsim_env.corpus.extraction import StyleExtractor
from gsim_env.errors import ConfigurationError
from gsim_env.models.encoders import HashingEncoder
from gsim_env.rewards.cycle_consistency import cycle_consistency
from gsim_env.rewards.human_likeness import human_likeness
from gsim_env.rewards.turns import Turn
from reward_fns.cycle_consistency import compute_score as cycle_score
from reward_fns.human_likeness import compute_score as likeness_score


class Shortness:
    """A discriminator with P(real) = 1 / words that records its inputs."""

    name = "shortness"

    def __init__(self):
        self.asked = []

    def probability(self, turns):
        self.asked.append(list(turns))
        return np.array([1.0 / len(turn.answer.split()) for turn in turns])


def messages(call):
    return [
        {"role": "assistant" if turn.role == "customer" else "user", "content": turn.text}
        for turn in call.turns
    ]


def test_human_likeness_is_the_mean_over_the_customers_turns_in_their_contexts():
    call = [
        {"role": "system", "content": "You are Jo."},
        {"role": "user", "content": "Hello?"},
        {"role": "assistant", "content": "Who is this?"},
        {"role": "user", "content": "Li."},
        {"role": "assistant", "content": "..."},
        {"role": "user", "content": "Hello?"},
        {"role": "assistant", "content": "No."},
    ]
    model = Shortness()
    assert human_likeness([call, call[:2], []], model) == [
        pytest.approx((1 / 3 + 0 + 1) / 3),
        0.0,
        0.0,
    ]
    assert model.asked == [[Turn(call[1:2], "Who is this?"), Turn(call[1:6], "No.")]]


def test_the_given_profile_is_nearer_than_another_calls(group):
    encoder = HashingEncoder()
    extractor = StyleExtractor(group.config.archetypes, group.taxonomy, encoder)
    dialogues = [messages(call) for call in group.calls]
    profiles = [call.profile for call in group.calls]
    strangers = [profiles[index] for index in np.random.default_rng(0).permutation(len(profiles))]
    own = cycle_consistency(dialogues, profiles, extractor, encoder)
    others = cycle_consistency(dialogues, strangers, extractor, encoder)
    assert all(-1.0 <= reward <= 1.0 for reward in own + others)
    assert np.mean([a > b for a, b in zip(own, others, strict=True)]) > 0.6
    alone = [
        cycle_consistency([d], [p], extractor, encoder)[0]
        for d, p in zip(dialogues[:9], profiles, strict=False)
    ]
    assert alone == pytest.approx(own[:9], abs=1e-6)


def test_the_extracted_profile_itself_gets_one(group):
    encoder = HashingEncoder()
    extractor = StyleExtractor(group.config.archetypes, group.taxonomy, encoder)
    dialogue = messages(group.calls[0])
    extracted = extractor.extract(
        [group.calls[0].model_copy(update={"turns": unlabeled(group.calls[0])})]
    )[0]
    assert cycle_consistency([dialogue], [extracted], extractor, encoder) == [
        pytest.approx(1.0, abs=1e-5)
    ]


def unlabeled(call):
    return tuple(turn.model_copy(update={"stage": None, "concern": None}) for turn in call.turns)


def test_a_silent_customer_gets_zero_and_counts_must_agree(group):
    encoder = HashingEncoder()
    extractor = StyleExtractor(group.config.archetypes, group.taxonomy, encoder)
    profile = group.calls[0].profile
    silent = [{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": " ... "}]
    assert cycle_consistency([silent, []], [profile, profile], extractor, encoder) == [0.0, 0.0]
    assert cycle_consistency([], [], extractor, encoder) == []
    with pytest.raises(ValueError, match="1 dialogues and 2 profiles"):
        cycle_consistency([silent], [profile, profile], extractor, encoder)
    with pytest.raises(ValueError, match="expected 'sales'"):
        cycle_consistency(
            [[{"role": "assistant", "content": "Hi."}] * 2], [profile], extractor, encoder
        )


def test_compute_score_reads_the_call_from_the_row(group):
    call = group.calls[0]
    row = {"messages": messages(call), "profile": call.profile.model_dump()}
    found = asyncio.run(
        cycle_score("gsim", "", None, row, group="food_delivery", encoder="hashing")
    )
    assert 0.0 < found["score"] <= 1.0
    for missing in ("messages", "profile"):
        with pytest.raises(ConfigurationError, match=missing):
            asyncio.run(
                cycle_score(
                    "gsim",
                    "",
                    None,
                    {k: v for k, v in row.items() if k != missing},
                    group="food_delivery",
                )
            )
    with pytest.raises(ConfigurationError, match="no discriminator"):
        asyncio.run(likeness_score("gsim", "", None, row, discriminator="nowhere"))
