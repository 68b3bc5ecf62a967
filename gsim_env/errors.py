"""The exceptions of the package, one tree below ``GsimError``."""

import difflib
from collections.abc import Iterable

import gymnasium

__all__ = [
    "ConfigurationError",
    "CorpusError",
    "GsimError",
    "ResetNeededError",
    "SimulatorError",
    "UtteranceError",
    "unknown_name_error",
]


class GsimError(Exception):
    """Base class of the package's exceptions."""


class ConfigurationError(GsimError, ValueError):
    """Raised if an argument, option or configuration file has an illegal value."""


class CorpusError(GsimError, ValueError):
    """Raised if a group's data (corpus, taxonomy, profile) is malformed or inconsistent."""


class UtteranceError(GsimError, TypeError):
    """Raised if an action is not text; the call is unchanged and can continue."""


class ResetNeededError(GsimError, gymnasium.error.ResetNeeded):
    """Raised if no call is in progress (ended, failed or not started): call ``reset`` first."""


class SimulatorError(GsimError, RuntimeError):
    """Raised if a model, encoder or database fails after bounded retries.

    This is a failure of infrastructure, so it carries no reward. Training loops mask the sample and
    count it.
    """


def unknown_name_error(kind: str, value: object, legal: Iterable[str]) -> ConfigurationError:
    """Return a ``ConfigurationError`` for an unknown name, with the nearest legal name.

    Args:
        kind: The noun for the value, such as ``"group"``.
        value: The value seen.
        legal: The legal names.
    """
    names = sorted(legal)
    near = difflib.get_close_matches(str(value), names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return ConfigurationError(f"Unknown {kind} {value!r}. Legal values: {', '.join(names)}.{hint}")
