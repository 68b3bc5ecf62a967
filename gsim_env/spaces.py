"""The space of utterances: any text, sampled from phrases.

``gymnasium.spaces.Text`` would sample random characters.
"""

from collections.abc import Sequence
from typing import Any

from gymnasium.spaces import Space

__all__ = ["Utterance"]

DEFAULT_PHRASES = (
    "Hello, am I speaking with the owner?",
    "Could you tell me a little about your shop?",
    "I understand. May I ask what worries you most?",
    "Shall we give it a try for a month?",
    "Thank you for your time, goodbye.",
)


class Utterance(Space[str]):
    """Gymnasium space of texts up to ``max_length`` characters; samples one of ``phrases``.

    Not flattenable: wrappers that need numbers (``FlattenObservation``, ``FrameStackObservation``)
    refuse it.

    Args:
        max_length: Maximum number of characters, at least 1.
        phrases: The samples of :meth:`sample`, drawn uniformly.
        seed: Seed of :meth:`sample`.
    """

    def __init__(
        self, max_length: int, phrases: Sequence[str] = DEFAULT_PHRASES, seed: int | None = None
    ) -> None:
        """Check the arguments and seed the space."""
        if max_length < 1:
            raise ValueError(f"max_length must be at least 1, got {max_length}")
        self.max_length = max_length
        self.phrases = tuple(phrases)
        super().__init__(shape=None, dtype=None, seed=seed)

    @property
    def is_np_flattenable(self) -> bool:
        """Text has no numeric form: always ``False``."""
        return False

    def sample(self, mask: Any | None = None, probability: Any | None = None) -> str:
        """Return one of the phrases.

        Raises:
            ValueError: if a mask or a probability is given; the space has none.
        """
        if mask is not None or probability is not None:
            raise ValueError("Utterance.sample takes no mask and no probability")
        return self.phrases[int(self.np_random.integers(len(self.phrases)))]

    def contains(self, x: Any) -> bool:
        """Return whether ``x`` is a ``str`` of at most ``max_length`` characters."""
        return isinstance(x, str) and len(x) <= self.max_length

    def __eq__(self, other: object) -> bool:
        """Two spaces are equal if they admit and sample the same texts."""
        return isinstance(other, Utterance) and (self.max_length, self.phrases) == (
            other.max_length,
            other.phrases,
        )

    def __hash__(self) -> int:
        """Hash of what equality compares."""
        return hash((self.max_length, self.phrases))

    def __repr__(self) -> str:
        """Return the constructor call without the phrases."""
        return f"Utterance(max_length={self.max_length})"
