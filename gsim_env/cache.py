"""Where built things are kept: one folder of the user's, safe to delete."""

import os
import sys
from pathlib import Path

from gsim_env.errors import ConfigurationError

__all__ = ["cache_folder"]


def cache_folder(kind: str) -> Path:
    """Return the folder for ``kind`` (``models``, ``sop``, ``embeddings``), made if need be.

    ``GSIM_CACHE`` names the root; else it is ``gsim`` in the platform's cache folder (``XDG_CACHE_HOME`` or
    ``~/.cache``, ``~/Library/Caches``, ``%LOCALAPPDATA%``).

    Raises:
        ConfigurationError: if the folder cannot be made.
    """
    root = os.environ.get("GSIM_CACHE")
    if root is None:
        if sys.platform == "win32":
            base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
        elif sys.platform == "darwin":
            base = Path.home() / "Library" / "Caches"
        else:
            base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        root = str(base / "gsim")
    folder = Path(root) / kind
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"The cache folder {folder} cannot be made: {error}. Set GSIM_CACHE.") from error
    return folder
