"""The space of utterances."""

import copy
import json
import pickle

import pytest

from gsim_env.spaces import Utterance


def test_contains_texts_up_to_the_length():
    space = Utterance(5)
    assert "" in space
    assert "é❤ab!" in space
    assert "123456" not in space
    assert 5 not in space
    assert b"abc" not in space


def test_samples_are_seeded_and_inside():
    a, b = Utterance(200, seed=7), Utterance(200, seed=7)
    drawn = [a.sample() for _ in range(20)]
    assert drawn == [b.sample() for _ in range(20)]
    assert all(text in a for text in drawn)
    assert len(set(drawn)) > 1


def test_equality_pickle_copy_and_repr():
    space = Utterance(10)
    assert space == pickle.loads(pickle.dumps(space)) == copy.deepcopy(space)
    assert space != Utterance(11)
    assert hash(space) == hash(Utterance(10))
    assert repr(space) == "Utterance(max_length=10)"
    assert not space.is_np_flattenable
    assert json.loads(json.dumps(space.to_jsonable(["a", "b"]))) == ["a", "b"]


def test_bad_arguments():
    with pytest.raises(ValueError, match="at least 1"):
        Utterance(0)
    with pytest.raises(ValueError, match="no mask"):
        Utterance(5).sample(mask=object())
