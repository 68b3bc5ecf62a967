"""The user's cache folder for built artifacts; it is safe to delete."""

import os
from pathlib import Path

import platformdirs

from gsim_env.errors import ConfigurationError

__all__ = ["cache_folder"]


def cache_folder(kind: str) -> Path:
    """Return the user's cache folder for a kind of artifact, such as ``models``; created if needed.

    The root is the environment variable ``GSIM_CACHE``, by default ``gsim`` in the platform's cache
    folder (platformdirs).

    Raises:
        ConfigurationError: if the folder cannot be created.
    """
    root = os.environ.get("GSIM_CACHE") or platformdirs.user_cache_dir("gsim", appauthor=False)
    folder = Path(root) / kind
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"The cache folder {folder} cannot be created: {error}. "
            "Set GSIM_CACHE to a writable folder."
        ) from error
    return folder
