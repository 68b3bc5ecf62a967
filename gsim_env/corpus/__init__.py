"""Corpora: from recorded calls to a group and its training data (section 3.1)."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gsim_env.corpus.build import BuildResult, build_group
    from gsim_env.corpus.settings import BuildSettings

__all__ = ["BuildResult", "BuildSettings", "build_group"]

MODULES = {"BuildResult": "build", "BuildSettings": "settings", "build_group": "build"}


def __getattr__(name: str) -> Any:
    """Import a public name on first use: readers of one module do not load the whole build."""
    if name not in MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    return getattr(import_module(f"{__name__}.{MODULES[name]}"), name)
