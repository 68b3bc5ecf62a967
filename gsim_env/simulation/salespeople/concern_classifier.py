"""What a salesperson makes of the customer's words, which are all that it has."""

from gsim_env.groups import Group
from gsim_env.models import Encoder
from gsim_env.sop.index import embed_cached
from gsim_env.sop.probe import LinearProbe

__all__ = ["CONCERN_THRESHOLD", "concern_classifier"]

CONCERN_THRESHOLD = 0.2
"""Score from which a customer's words are taken to state a concern."""


def concern_classifier(group: Group, encoder: Encoder) -> LinearProbe:
    """Return what tells concerns apart in customers' words.

    The taxonomy's phrases and the corpus's labeled turns.
    """
    heard: list[tuple[str, str | None]] = []
    heard += [
        (text, name) for name, concern in group.taxonomy.concerns.items() for text in concern.raised
    ]
    heard += [(turn.text, turn.concern) for call in group.calls for turn in call.customer_turns()]
    texts, concerns = zip(*heard, strict=True)
    return LinearProbe(concerns, embed_cached(texts, encoder))
