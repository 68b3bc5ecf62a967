"""Progress bars of long-running commands, on standard error."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from gsim_env.cli.terminal import err
from gsim_env.util.progress import ProgressCallback

__all__ = ["progress_bars"]


@contextmanager
def progress_bars(steps: Sequence[str]) -> Iterator[ProgressCallback]:
    """Yield a progress callback that draws one terminal progress bar per named step.

    A bar appears with the first report of its step, so steps that are skipped show none.
    """
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err) as bars:
        tasks = {
            step: bars.add_task(step, start=False, total=None, visible=False) for step in steps
        }

        def progress(step: str, done: int, total: int | None) -> None:
            bars.start_task(tasks[step])
            bars.update(tasks[step], completed=done, total=total, visible=True)

        yield progress
