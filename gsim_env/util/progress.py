"""How long work reports its progress: one protocol, and a display for terminals lives in ``cli``."""

from typing import Protocol

__all__ = ["Progress", "no_progress"]


class Progress(Protocol):
    """Called as work advances; it must not raise."""

    def __call__(self, step: str, done: int, total: int | None) -> None:
        """Report one step.

        Args:
            step: The step's name, such as ``"play"`` or ``"judge"``.
            done: Units done.
            total: Units in all; ``None`` where that is not known yet.
        """
        ...


def no_progress(step: str, done: int, total: int | None) -> None:
    """Report nothing."""
