"""Importing optional dependencies where they are used, and saying what the first use is waiting for."""

import importlib
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["loading", "require"]

logger = logging.getLogger("gsim_env")


def require(module: str, extra: str) -> Any:
    """Import ``module``.

    Raises:
        ImportError: naming the extra to install, if it is absent.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not module.startswith(error.name):
            raise
        raise ImportError(
            f"{module} is not installed. It comes with the extra {extra!r}: pip install 'gsim-env[{extra}]'"
        ) from error


@contextmanager
def loading(what: str) -> Iterator[None]:
    """Log that ``what`` is being loaded and how long it took.

    Logged as a warning, the level that Python shows where nobody has set logging up: the first call
    of a process can take seconds, and a silent pause looks like a hang. Quiet it with
    ``logging.getLogger("gsim_env").setLevel("ERROR")``.
    """
    start = time.perf_counter()
    logger.warning("Loading %s ...", what)
    yield
    logger.warning("Loaded %s in %.1f s.", what, time.perf_counter() - start)
