"""Importing optional dependencies where they are used, and saying what the first use is waiting for."""

import importlib
import importlib.util
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["loading", "require", "require_extra"]

logger = logging.getLogger("gsim_env")

EXTRA_MODULES = {
    "evaluation": ("jinja2", "matplotlib", "pandas", "scipy", "sklearn", "tabulate"),
}
"""Modules that an extra brings, as far as :func:`require_extra` checks them."""


def require_extra(extra: str) -> None:
    """Check that an extra is installed; afterwards its modules can be imported normally.

    Args:
        extra: A key of :data:`EXTRA_MODULES`.

    Raises:
        ImportError: naming the missing modules and the command that installs the extra.
    """
    missing = [name for name in EXTRA_MODULES[extra] if importlib.util.find_spec(name) is None]
    if missing:
        raise ImportError(
            f"{', '.join(missing)} missing: the extra {extra!r} is not installed. "
            f"Install it: pip install 'gsim-env[{extra}]'"
        )


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
