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
    "unknown",
]


class GsimError(Exception):
    """Base class of the package's exceptions."""


class ConfigurationError(GsimError, ValueError):
    """An argument, option or configuration file holds a value that is not legal."""


class CorpusError(GsimError, ValueError):
    """A group's data (corpus, taxonomy, profile) is malformed or inconsistent."""


class UtteranceError(GsimError, TypeError):
    """An action is not text; the call is unchanged and can go on."""


class ResetNeededError(GsimError, gymnasium.error.ResetNeeded):
    """No call is in progress: it has ended, failed or not begun. Call ``reset`` first."""


class SimulatorError(GsimError, RuntimeError):
    """A model, encoder or database failed after bounded retries.

    This is a failure of infrastructure, so it carries no reward. Training loops mask the sample and
    count it.
    """


def unknown(kind: str, value: object, legal: Iterable[str]) -> ConfigurationError:
    """Return the error for an unknown name; it suggests the nearest legal name.

    Args:
        kind: The noun for the value, such as ``"group"``.
        value: The value seen.
        legal: The legal names.
    """
    names = sorted(legal)
    near = difflib.get_close_matches(str(value), names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return ConfigurationError(f"Unknown {kind} {value!r}. Legal values: {', '.join(names)}.{hint}")
