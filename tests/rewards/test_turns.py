"""Faults get the lowest score of every reward; human answers are almost never faults."""

import asyncio
import json
from itertools import pairwise

import pytest

from gsim_env.errors import ConfigurationError
from gsim_env.models.encoders import HashingEncoder
from gsim_env.rewards.format import format_reward
from gsim_env.rewards.semantic import semantic_reward, text_pair_cosines
from gsim_env.rewards.turns import FLOOR, Turn, find_answer_fault
from gsim_env.util.text import count_words
from reward_fns.format import compute_score as format_score
from reward_fns.rows import read_turn_to_score
from reward_fns.semantic import compute_score as semantic_score
from tests.data import P4G, needs_p4g

SALES = "We pay out every Monday, straight to your bank. Would you like to try it for a month?"
CONTEXT = [
    {"role": "user", "content": "Hello, this is Li."},
    {"role": "assistant", "content": "Who?"},
    {"role": "user", "content": SALES},
]
FAULTS = {
    "": "empty",
    " \n\t": "empty",
    "...?!": "empty",
    "Sure.<|im_end|>": "control_tokens",
    "<think>He is selling.</think> No.": "control_tokens",
    "Salesperson: We pay out on Monday.": "wrong_role",
    "No.\nAssistant: Why not?": "wrong_role",
    SALES: "copy",
    "WOULD you like to try it for a month": "copy",
    "Would you like to try it for a month? Yes.": "copy",
}


def say(answer: str, reference: str = "When do I get my money?") -> Turn:
    return Turn(CONTEXT, answer, reference)


@pytest.mark.parametrize("answer", FAULTS)
def test_a_fault_has_the_lowest_score_of_every_reward(answer):
    turn = say(answer)
    assert find_answer_fault(turn) == FAULTS[answer]
    assert format_reward([turn], floor=-0.5) == [-0.5]
    assert semantic_reward([turn], HashingEncoder(), delta=0.3, floor=-0.5) == [-0.5]


@pytest.mark.parametrize(
    "answer",
    [
        "No.",
        "喂,你好",
        "Every Monday?",
        "For a month? No.",
        "I told the customer: no.",
        "5",
        "We pay out? I don't!",
    ],
)
def test_an_answer_is_no_fault(answer):
    assert find_answer_fault(say(answer)) is None


@needs_p4g
def test_human_answers_are_almost_never_faults():
    faults, total = 0, 0
    for line in P4G.read_text(encoding="utf-8").splitlines():
        turns = json.loads(line)["turns"]
        for before, turn in pairwise(turns):
            if turn["role"] == "customer" and before["role"] == "sales":
                total += 1
                faults += (
                    find_answer_fault(
                        Turn([{"role": "user", "content": before["text"]}], turn["text"])
                    )
                    is not None
                )
    assert total > 8000
    assert faults / total < 0.001


def test_format_is_equation_10_clipped():
    four = "a b c d"
    expected = {
        "a b c d": 1.0,
        "a b c": 1 - (1 / 4) ** 2,
        "a b c d e f": 1 - (2 / 4) ** 2,
        "a b c d " * 9: FLOOR,
    }
    found = format_reward([say(answer, four) for answer in expected])
    assert found == pytest.approx(list(expected.values()), abs=1e-5)
    assert format_reward([say("a b", "")]) == [FLOOR]


def test_length_counts_characters_in_unspaced_languages():
    assert count_words("我 很忙。", "zh-CN") == 4
    assert count_words("我 很忙。") == 2


def test_semantic_is_equation_11_clipped():
    encoder, same = HashingEncoder(), "When do I get my money?"
    (near,) = text_pair_cosines(["My money, when?"], [same], encoder)
    assert 0.1 < near < 0.99
    turns = [say(same, same), say("My money, when?", same)]
    assert semantic_reward(turns, encoder, delta=0.3) == pytest.approx([1.0, (near - 0.3) / 0.7])
    assert semantic_reward([say("Zebra", same)], encoder, delta=0.9) == [FLOOR]
    with pytest.raises(ValueError, match=r"delta must be in \[0, 1\)"):
        semantic_reward(turns, encoder, delta=1.0)


def test_rewards_are_independent_of_the_batch():
    turns = [
        say(answer)
        for answer in ("When do I get my money?", "No.", "", "How much, and when is it paid?")
    ]
    for reward in (format_reward, lambda some: semantic_reward(some, HashingEncoder(), delta=0.3)):
        assert reward(turns) == [reward([turn])[0] for turn in turns]
        assert reward([]) == []


def test_compute_score_gives_the_same_rewards():
    extra, said, wanted = {"context": CONTEXT}, "My money, when?", "When do I get my money?"
    turn = Turn(CONTEXT, said, wanted)
    assert asyncio.run(format_score("gsim", said, wanted, extra)) == {
        "score": format_reward([turn])[0]
    }
    expected = semantic_reward([turn], HashingEncoder(), delta=0.3)[0]
    assert asyncio.run(
        semantic_score("gsim", said, wanted, extra, delta=0.3, encoder="hashing")
    ) == {"score": expected}


def test_rows_of_verl_are_checked():
    extra = {"context": CONTEXT, "index": 3}
    assert read_turn_to_score("No.", "Yes.", extra) == Turn(CONTEXT, "No.", "Yes.")
    with pytest.raises(ConfigurationError, match="rebuild them"):
        read_turn_to_score("No.", "Yes.", {"index": 3})
    with pytest.raises(ConfigurationError, match="ground_truth"):
        read_turn_to_score("No.", None, extra)
