"""Splits by hash: what is held out stays held out when data grow."""

import hashlib

__all__ = ["is_held_out"]


def is_held_out(key: str, share: float) -> bool:
    """Return whether a unit is held out.

    Args:
        key: Names the unit to keep together, such as a customer.
        share: The expected share of held-out units, in [0, 1].
    """
    number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4])
    return number < share * 2**32
