"""Progress protocol of long-running functions; the terminal display is in ``cli``."""

from typing import Protocol

__all__ = ["Progress", "no_progress"]


class Progress(Protocol):
    """A callback for progress reports; it must not raise."""

    def __call__(self, step: str, done: int, total: int | None) -> None:
        """Report one step.

        Args:
            step: The step's name, such as ``"play"`` or ``"judge"``.
            done: Units done.
            total: Total number of units; ``None`` while unknown.
        """
        ...


def no_progress(step: str, done: int, total: int | None) -> None:
    """Ignore a progress report."""
