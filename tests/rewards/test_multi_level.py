"""The multi-level reward and its terms, with a discriminator trained on food_delivery."""

import asyncio
import json
from itertools import pairwise

import numpy as np
import pytest
from gsim_recipes.rewards.adversarial import POLITE

from gsim_env.discriminator.fit_embedding import fit_embedding
from gsim_env.discriminator.pairs import answers_of
from gsim_env.errors import ConfigurationError
from gsim_env.models.encoders import HashingEncoder
from gsim_env.rewards.format import format_reward
from gsim_env.rewards.multi_level import WEIGHTS, Weights, multi_level
from gsim_env.rewards.pattern import load_discriminator, pattern_reward
from gsim_env.rewards.semantic import DELTA, semantic_reward
from gsim_env.rewards.turns import FLOOR, Turn
from reward_fns import multi_level as adapted
from reward_fns.adapter import verl_score
from reward_fns.multi_level import compute_score
from reward_fns.pattern import compute_score as pattern_score
from reward_fns.rows import read_turn
from tests.data import P4G, needs_p4g


@pytest.fixture(scope="module")
def folder(pairs, tmp_path_factory):
    """A discriminator of people and salespeople, on disk."""
    made = tmp_path_factory.mktemp("group") / "discriminator"
    made.mkdir()
    fit_embedding(answers_of(pairs), "hashing", HashingEncoder()).save(made)
    return made


@pytest.fixture(scope="module")
def turns(pairs):
    """Both answers to each reference, the reference itself, a fault, and one answer twice."""
    some = [
        turn._replace(reference=one.real.answer)
        for one in pairs[:20]
        for turn in (one.real, one.fake)
    ]
    return [*some, some[0]._replace(answer="..."), some[3]]


def test_the_sum_is_of_its_terms_and_a_batch_judges_as_one_by_one(folder, turns):
    model, encoder = load_discriminator(str(folder)), HashingEncoder()
    found = multi_level(turns, model, encoder)
    assert [one.pattern for one in found] == pattern_reward(turns, model)
    assert [one.format for one in found] == format_reward(turns, floor=FLOOR)
    assert [one.semantic for one in found] == semantic_reward(
        turns, encoder, delta=DELTA, floor=FLOOR
    )
    for one in found:
        weighed = (
            WEIGHTS.pattern * one.pattern
            + WEIGHTS.format * one.format
            + WEIGHTS.semantic * one.semantic
        )
        assert one.score == pytest.approx(weighed)
    for alone, together in zip(
        (multi_level([turn], model, encoder)[0] for turn in turns), found, strict=True
    ):
        assert alone == pytest.approx(together, abs=1e-6)
    assert found[0][2:] == pytest.approx((1.0, 1.0))
    assert found[-2][1:] == (0.0, FLOOR, FLOOR)
    assert found[-1] == pytest.approx(found[3])
    assert sum(WEIGHTS) == pytest.approx(1.0)


def test_weights_delta_and_floor_are_what_they_say(folder, turns):
    model, encoder = load_discriminator(str(folder)), HashingEncoder()
    only = multi_level(turns, model, encoder, weights=Weights(0.0, 2.0, 0.0), floor=-3.0)
    assert [one.score for one in only] == pytest.approx(
        [2.0 * r for r in format_reward(turns, floor=-3.0)]
    )
    assert multi_level([], model, encoder) == []
    with pytest.raises(ValueError, match=r"delta must be in \[0, 1\)"):
        multi_level(turns, model, encoder, delta=1.0)


def test_what_verl_asks_for_at_the_same_time_is_judged_as_one_batch(folder, turns, monkeypatch):
    batches, at = [], {"discriminator": str(folder), "encoder": "hashing"}
    counted = verl_score(
        read_turn,
        lambda turns, **settings: batches.append(len(turns)) or adapted.score(turns, **settings),
    )

    async def ask():
        rows = [("gsim", turn.answer, turn.reference, {"context": turn.context}) for turn in turns]
        return await asyncio.gather(*(counted(*row, **at) for row in rows))

    found = asyncio.run(ask())
    expected = multi_level(turns, load_discriminator(str(folder)), HashingEncoder())
    assert batches == [len(turns)]
    assert [tuple(one) for one in found] == [("score", "pattern", "format", "semantic")] * len(
        turns
    )
    for one, wanted in zip(found, expected, strict=True):
        assert list(one.values()) == pytest.approx(list(wanted), abs=1e-6)


def test_verls_form_says_what_is_wrong(folder):
    row = ("gsim", "No.", "No.", {"context": []})
    with pytest.raises(TypeError, match="patern"):
        asyncio.run(compute_score(*row, discriminator=str(folder), weights={"patern": 1.0}))
    with pytest.raises(ConfigurationError, match="'context'"):
        asyncio.run(compute_score("gsim", "No.", "No.", {}, discriminator=str(folder)))
    with pytest.raises(ConfigurationError, match="no discriminator in 'nowhere'"):
        asyncio.run(compute_score(*row, discriminator="nowhere"))


def test_a_discriminator_is_found_in_its_folder_in_its_group_and_by_name(folder, turns):
    assert load_discriminator(str(folder.parent)).probability(turns[:4]) == pytest.approx(
        load_discriminator(str(folder)).probability(turns[:4])
    )
    verl = asyncio.run(
        pattern_score(
            "gsim", turns[0].answer, "", {"context": turns[0].context}, discriminator=str(folder)
        )
    )
    assert verl == {"score": pattern_reward([turns[0]], load_discriminator(str(folder)))[0]}
    assert pattern_reward([Turn(turns[0].context, "...")], load_discriminator(str(folder))) == [0.0]


@pytest.mark.slow
@needs_p4g
def test_the_discriminator_that_comes_along_knows_people_from_an_over_polite_machine():
    rows = [json.loads(line)["turns"] for line in P4G.read_text(encoding="utf-8").splitlines()[:60]]
    humans = [
        Turn([{"role": "user", "content": before["text"]}], turn["text"])
        for turns in rows
        for before, turn in pairwise(turns)
        if (before["role"], turn["role"]) == ("sales", "customer")
    ]
    machines = [turn._replace(answer=POLITE) for turn in humans]
    model = load_discriminator("charity")
    assert np.mean(model.probability(humans) > 0.5) > 0.75
    assert np.mean(model.probability(machines) < 0.5) > 0.9
