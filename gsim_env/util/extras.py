"""Optional dependencies: imports with a helpful error, and log messages for slow loading."""

import importlib
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["loading", "require"]

logger = logging.getLogger("gsim_env")


def require(module: str, extra: str) -> Any:
    """Return an imported optional module.

    Args:
        module: Full name of the module.
        extra: The extra that installs it.

    Raises:
        ImportError: if it is not installed; names the extra.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not module.startswith(error.name):
            raise
        raise ImportError(
            f"{module} is not installed. It comes with the extra {extra!r}: "
            f"pip install 'gsim-env[{extra}]'"
        ) from error


@contextmanager
def loading(what: str) -> Iterator[None]:
    """Log the start and the duration of loading ``what``.

    The level is WARNING, which Python shows without any logging setup: the first call of a process
    can take seconds, and a silent pause looks like a hang. To silence it:
    ``logging.getLogger("gsim_env").setLevel("ERROR")``.
    """
    start = time.perf_counter()
    logger.warning("Loading %s ...", what)
    yield
    logger.warning("Loaded %s in %.1f s.", what, time.perf_counter() - start)
