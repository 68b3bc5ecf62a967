"""The exceptions of the package.

One tree, so that ``except GsimError`` catches all of ours and nothing else.
"""

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
    """Base class of everything this package raises on purpose."""


class ConfigurationError(GsimError, ValueError):
    """An argument, option or configuration file holds a value that is not legal."""


class CorpusError(GsimError, ValueError):
    """A group's data (corpus, taxonomy, profile) is malformed or inconsistent."""


class UtteranceError(GsimError, TypeError):
    """The salesperson's action is not text; the call is unchanged and can go on."""


class ResetNeededError(GsimError, gymnasium.error.ResetNeeded):
    """No call is in progress: it has ended, failed or not begun. Call ``reset`` first."""


class SimulatorError(GsimError, RuntimeError):
    """The simulator could not answer: a model, encoder or database failed after bounded retries.

    It is an infrastructure failure, so it carries no reward. A training loop masks the sample and
    counts it.
    """


def unknown(kind: str, value: object, legal: Iterable[str]) -> ConfigurationError:
    """Return the error for a name that is not among the legal ones, with the nearest legal name if one is near."""
    names = sorted(legal)
    near = difflib.get_close_matches(str(value), names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return ConfigurationError(f"Unknown {kind} {value!r}. Legal values: {', '.join(names)}.{hint}")
