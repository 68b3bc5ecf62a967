"""The multi-level reward and its terms, with a discriminator trained on food_delivery."""

import asyncio
import json
from itertools import chain, pairwise

import numpy as np
import pytest
from gsim_recipes.rewards.adversarial import POLITE

from gsim_env.discriminator.fit_embedding import fit_embedding_discriminator
from gsim_env.discriminator.pairs import labeled_answers_of_pairs
from gsim_env.errors import ConfigurationError
from gsim_env.models.encoders import HashingEncoder
from gsim_env.rewards.format import format_reward
from gsim_env.rewards.multi_level import WEIGHTS, RewardWeights, multi_level
from gsim_env.rewards.pattern import load_discriminator, pattern_reward
from gsim_env.rewards.semantic import DELTA, semantic_reward
from gsim_env.rewards.turns import FLOOR, Turn
from reward_fns import multi_level as adapted
from reward_fns.adapter import make_compute_score
from reward_fns.multi_level import compute_score
from reward_fns.pattern import compute_score as pattern_score
from reward_fns.rows import read_turn_to_score
from tests.data import P4G, needs_p4g


@pytest.fixture(scope="module")
def folder(pairs, tmp_path_factory):
    """A discriminator of people and salespeople, on disk."""
    made = tmp_path_factory.mktemp("group") / "discriminator"
    made.mkdir()
    fit_embedding_discriminator(labeled_answers_of_pairs(pairs), "hashing", HashingEncoder()).save(
        made
    )
    return made


@pytest.fixture(scope="module")
def turns(pairs):
    """Both answers to each reference, the reference itself, a fault, and one answer twice."""
    turns = []
    for pair in pairs[:20]:
        reference = pair.real.answer
        turns += [pair.real._replace(reference=reference), pair.fake._replace(reference=reference)]
    return [*turns, turns[0]._replace(answer="..."), turns[3]]


def test_the_score_is_the_weighted_sum_and_independent_of_the_batch(folder, turns):
    model, encoder = load_discriminator(str(folder)), HashingEncoder()
    rewards = multi_level(turns, model, encoder)

    assert [reward.pattern for reward in rewards] == pattern_reward(turns, model)
    assert [reward.format for reward in rewards] == format_reward(turns, floor=FLOOR)
    semantic = semantic_reward(turns, encoder, delta=DELTA, floor=FLOOR)
    assert [reward.semantic for reward in rewards] == semantic

    for turn, reward in zip(turns, rewards, strict=True):
        weighted = (
            WEIGHTS.pattern * reward.pattern
            + WEIGHTS.format * reward.format
            + WEIGHTS.semantic * reward.semantic
        )
        assert reward.score == pytest.approx(weighted)
        assert multi_level([turn], model, encoder)[0] == pytest.approx(reward, abs=1e-6)

    # A reference as the answer, a fault, and a repeated turn.
    assert rewards[0][2:] == pytest.approx((1.0, 1.0))
    assert rewards[-2][1:] == (0.0, FLOOR, FLOOR)
    assert rewards[-1] == pytest.approx(rewards[3])
    assert sum(WEIGHTS) == pytest.approx(1.0)


def test_weights_delta_and_floor_have_their_effect(folder, turns):
    model, encoder = load_discriminator(str(folder)), HashingEncoder()
    rewards = multi_level(turns, model, encoder, weights=RewardWeights(0.0, 2.0, 0.0), floor=-3.0)
    expected = [2.0 * reward for reward in format_reward(turns, floor=-3.0)]
    assert [reward.score for reward in rewards] == pytest.approx(expected)

    assert multi_level([], model, encoder) == []
    with pytest.raises(ValueError, match=r"delta must be in \[0, 1\)"):
        multi_level(turns, model, encoder, delta=1.0)


def test_concurrent_rows_of_verl_are_scored_as_one_batch(folder, turns):
    batch_sizes = []
    settings = {"discriminator": str(folder), "encoder": "hashing"}

    def score(turns, **settings):
        batch_sizes.append(len(turns))
        return adapted.multi_level_scores(turns, **settings)

    compute = make_compute_score(read_turn_to_score, score)

    async def score_all():
        rows = [("gsim", turn.answer, turn.reference, {"context": turn.context}) for turn in turns]
        return await asyncio.gather(*(compute(*row, **settings) for row in rows))

    rewards = asyncio.run(score_all())
    expected = multi_level(turns, load_discriminator(str(folder)), HashingEncoder())
    assert batch_sizes == [len(turns)]
    for reward, expected_reward in zip(rewards, expected, strict=True):
        assert tuple(reward) == ("score", "pattern", "format", "semantic")
        assert list(reward.values()) == pytest.approx(list(expected_reward), abs=1e-6)


def test_errors_of_compute_score_name_the_cause(folder):
    row = ("gsim", "No.", "No.", {"context": []})
    with pytest.raises(TypeError, match="patern"):
        asyncio.run(compute_score(*row, discriminator=str(folder), weights={"patern": 1.0}))
    with pytest.raises(ConfigurationError, match="'context'"):
        asyncio.run(compute_score("gsim", "No.", "No.", {}, discriminator=str(folder)))
    with pytest.raises(ConfigurationError, match="no discriminator in 'nowhere'"):
        asyncio.run(compute_score(*row, discriminator="nowhere"))


def test_a_discriminator_is_found_in_its_folder_and_in_its_group(folder, turns):
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
def test_the_built_in_discriminator_tells_people_from_an_over_polite_model():
    rows = [json.loads(line)["turns"] for line in P4G.read_text(encoding="utf-8").splitlines()[:60]]
    humans = []
    for before, turn in chain.from_iterable(map(pairwise, rows)):
        if (before["role"], turn["role"]) == ("sales", "customer"):
            humans.append(Turn([{"role": "user", "content": before["text"]}], turn["text"]))
    machines = [turn._replace(answer=POLITE) for turn in humans]
    model = load_discriminator("charity")
    assert np.mean(model.probability(humans) > 0.5) > 0.75
    assert np.mean(model.probability(machines) < 0.5) > 0.9
