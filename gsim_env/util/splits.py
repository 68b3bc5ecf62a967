"""Train and held-out splits by hash, which stay the same when data are added."""

import hashlib

__all__ = ["is_held_out"]


def is_held_out(key: str, share: float) -> bool:
    """Return whether a unit (a customer, a call) is in the held-out split, by a hash of its key.

    Args:
        key: Identifies the unit that is not split, such as a customer.
        share: The expected share of held-out units, in [0, 1].
    """
    number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4])
    return number < share * 2**32
