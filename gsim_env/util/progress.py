"""Progress protocol of long-running functions; the terminal display is in ``cli``."""

from typing import Protocol

__all__ = ["ProgressCallback", "no_progress"]


class ProgressCallback(Protocol):
    """Protocol of a progress callback of long-running functions; it must not raise."""

    def __call__(self, step: str, done: int, total: int | None) -> None:
        """Report one step.

        Args:
            step: The step's name, such as ``"play"`` or ``"judge"``.
            done: Units done.
            total: Total number of units; ``None`` while unknown.
        """
        ...


def no_progress(step: str, done: int, total: int | None) -> None:
    """Progress callback that does nothing; the default of long-running functions."""
