"""Splits by hash."""

from gsim_env.util.splits import is_held_out

KEYS = [f"customer {number}" for number in range(2000)]


def test_the_share_is_as_expected():
    assert abs(sum(is_held_out(key, 0.2) for key in KEYS) / len(KEYS) - 0.2) < 0.03


def test_a_larger_share_keeps_what_was_held_out():
    assert all(is_held_out(key, 0.3) for key in KEYS if is_held_out(key, 0.1))


def test_all_or_nothing():
    assert not any(is_held_out(key, 0.0) for key in KEYS)
    assert all(is_held_out(key, 1.0) for key in KEYS)
