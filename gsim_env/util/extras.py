"""Optional dependencies: imports with a helpful error, and log messages for slow loading."""

import importlib
import importlib.util
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["check_extra_installed", "import_optional_module", "log_loading"]

logger = logging.getLogger("gsim_env")

EXTRA_MODULES = {
    "evaluation": ("jinja2", "matplotlib", "pandas", "scipy", "sklearn", "tabulate"),
    "train": ("matplotlib", "omegaconf", "pyarrow", "scipy", "sklearn", "threadpoolctl", "tqdm"),
}
"""The modules that :func:`check_extra_installed` looks for, by extra."""


def check_extra_installed(extra: str) -> None:
    """Raise an ``ImportError`` if an optional extra of the package is not installed.

    Args:
        extra: A key of :data:`EXTRA_MODULES`.

    Raises:
        ImportError: naming the missing modules and the command that installs the extra.
    """
    missing = [name for name in EXTRA_MODULES[extra] if not _is_importable(name)]
    if missing:
        raise ImportError(
            f"{', '.join(missing)} missing: the extra {extra!r} is not installed. "
            f"Install it: pip install 'gsim-env[{extra}]'"
        )


def _is_importable(module: str) -> bool:
    """Return whether a module can be found, without importing it."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # raised by import hooks that block a module
        return False


def import_optional_module(module: str, extra: str) -> Any:
    """Import an optional module; a missing one raises an error that names its extra.

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
def log_loading(what: str) -> Iterator[None]:
    """Context manager that logs the start and the duration of loading ``what``.

    The level is WARNING, which Python shows without any logging setup: the first call of a process
    can take seconds, and a silent pause looks like a hang. To silence it:
    ``logging.getLogger("gsim_env").setLevel("ERROR")``.
    """
    start = time.perf_counter()
    logger.warning("Loading %s ...", what)
    yield
    logger.warning("Loaded %s in %.1f s.", what, time.perf_counter() - start)
