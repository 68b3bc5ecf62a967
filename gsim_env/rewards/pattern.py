"""The pattern reward (eq. 9): probability that a person of the group gave the answer."""

import importlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gsim_env.errors import ConfigurationError
from gsim_env.groups.bundle import builtin_template_folders
from gsim_env.rewards.turns import Turn, find_answer_fault

__all__ = ["Discriminator", "load_discriminator", "pattern_reward"]

BACKENDS = {
    "embedding.json": "gsim_env.rewards.embedding_discriminator:EmbeddingDiscriminator",
    "classifier.json": "gsim_env.rewards.sequence_classifier:SequenceClassifier",
}
"""The class that loads a discriminator's folder, by the settings file in the folder."""


class Discriminator(Protocol):
    """Protocol of the pattern reward model D_phi, which tells human from model answers (app. B)."""

    @property
    def name(self) -> str:
        """The trained model's name in reports and results."""
        ...

    def probability(self, turns: Sequence[Turn]) -> NDArray[np.float64]:
        """Return the probability that a human gave each answer, shape (turns,), in [0, 1].

        References are ignored.

        Raises:
            SimulatorError: if the model fails.
        """
        ...


def pattern_reward(turns: Sequence[Turn], discriminator: Discriminator) -> list[float]:
    """Return each answer's pattern reward (eq. 9): the probability that a human gave it.

    P(label = Real | c, y), in [0, 1]. A fault (:func:`~gsim_env.rewards.turns.find_answer_fault`)
    gets 0.

    Raises:
        SimulatorError: if the discriminator fails.
    """
    faults = [find_answer_fault(turn) for turn in turns]
    valid_turns = [turn for turn, fault in zip(turns, faults, strict=True) if fault is None]

    probabilities = iter(discriminator.probability(valid_turns) if valid_turns else ())
    return [0.0 if fault else float(next(probabilities)) for fault in faults]


@lru_cache(maxsize=8)
def load_discriminator(source: str) -> Discriminator:
    """Load a trained discriminator from a folder or a built-in group, once per process.

    Args:
        source: The folder that ``gsim train discriminator`` wrote, a group's folder that contains
            one as ``discriminator/``, or the name of a built-in group that has one.

    Raises:
        ConfigurationError: if there is none.
    """
    path = builtin_template_folders().get(source, Path(source).expanduser())
    for folder in (path, path / "discriminator"):
        for settings_file, backend in BACKENDS.items():
            if (folder / settings_file).is_file():
                return _load_with_class(backend, folder)

    raise ConfigurationError(
        f"There is no discriminator in {source!r}: neither {' nor '.join(BACKENDS)}. Give a folder "
        "that gsim train discriminator wrote, or a built-in group that has one: "
        f"{', '.join(_groups_with_discriminator())}."
    )


def _load_with_class(backend: str, folder: Path) -> Discriminator:
    """Load a discriminator's folder with the class named ``module:attribute``."""
    module, _, attribute = backend.partition(":")
    discriminator: Discriminator = getattr(importlib.import_module(module), attribute).load(folder)
    return discriminator


def _groups_with_discriminator() -> list[str]:
    """Return the names of the built-in groups that have a discriminator."""
    templates = builtin_template_folders().items()
    return [name for name, folder in templates if (folder / "discriminator").is_dir()]
