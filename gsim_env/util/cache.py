"""The user's cache folder for built artifacts; safe to delete."""

import os
from pathlib import Path

import platformdirs

from gsim_env.errors import ConfigurationError

__all__ = ["cache_folder"]


def cache_folder(kind: str) -> Path:
    """Return the folder for ``kind`` (``models``, ``sop``, ``embeddings``); it is created if needed.

    The environment variable ``GSIM_CACHE`` names the root; by default it is ``gsim`` in the
    platform's cache folder (platformdirs).

    Raises:
        ConfigurationError: if the folder cannot be created.
    """
    root = os.environ.get("GSIM_CACHE") or platformdirs.user_cache_dir("gsim", appauthor=False)
    folder = Path(root) / kind
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"The cache folder {folder} cannot be created: {error}. Set GSIM_CACHE to a writable folder."
        ) from error
    return folder
