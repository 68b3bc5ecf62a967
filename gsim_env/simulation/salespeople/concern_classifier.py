"""The classifier by which a salesperson detects concerns in the customer's words."""

from gsim_env.groups import Group
from gsim_env.models import Encoder
from gsim_env.sop.index import embed_cached
from gsim_env.sop.probe import LinearProbe

__all__ = ["CONCERN_THRESHOLD", "concern_classifier"]

CONCERN_THRESHOLD = 0.2
"""Minimum score of a concern in the customer's words."""


def concern_classifier(group: Group, encoder: Encoder) -> LinearProbe:
    """Return a classifier that detects the concern in a customer's utterance.

    It is fitted to the taxonomy's phrases and the corpus's labeled customer turns.
    """
    examples: list[tuple[str, str | None]] = []
    for name, concern in group.taxonomy.concerns.items():
        examples += [(text, name) for text in concern.raised]
    for call in group.calls:
        examples += [(turn.text, turn.concern) for turn in call.customer_turns()]

    texts, concerns = zip(*examples, strict=True)
    return LinearProbe(concerns, embed_cached(texts, encoder))
