"""Development data: the folder ``GSIM_DATA``, or ``shared/data`` next to the clone.

Tests that need an absent file skip.
"""

import os
from pathlib import Path

import pytest

__all__ = ["DATA", "P4G", "needs_data", "needs_p4g"]

DATA = Path(os.environ.get("GSIM_DATA") or Path(__file__).parents[2] / "shared" / "data")
P4G = DATA / "p4g.jsonl"

REASON = "needs {}: set GSIM_DATA to a folder that holds it (CONTRIBUTING.md)"


def needs_data(name: str) -> pytest.MarkDecorator:
    """Skip a test where a file of the development data is absent."""
    return pytest.mark.skipif(not (DATA / name).exists(), reason=REASON.format(DATA / name))


needs_p4g = needs_data("p4g.jsonl")
"""Skip a test where PersuasionForGood's dialogues are absent."""
