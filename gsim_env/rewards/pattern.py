"""The pattern reward (eq. 9): how likely it is that a person of the group said this here."""

import importlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gsim_env.errors import ConfigurationError
from gsim_env.groups.bundle import builtin_templates
from gsim_env.rewards.turns import Turn, fault_of

__all__ = ["Discriminator", "load_discriminator", "pattern_reward"]

BACKENDS = {
    "embedding.json": "gsim_env.rewards.embedding_discriminator:EmbeddingDiscriminator",
    "classifier.json": "gsim_env.rewards.sequence_classifier:SequenceClassifier",
}
"""What reads a discriminator's folder, by the file that it holds."""


class Discriminator(Protocol):
    """D_phi of appendix B."""

    @property
    def name(self) -> str:
        """Identifies the trained model in results."""
        ...

    def probability(self, turns: Sequence[Turn]) -> NDArray[np.float64]:
        """Return P(label = Real | c, y) for each turn, shape (turns,), in [0, 1].

        References are not looked at.

        Raises:
            SimulatorError: if the model fails.
        """
        ...


def pattern_reward(turns: Sequence[Turn], discriminator: Discriminator) -> list[float]:
    """Return P(label = Real | c, y), in [0, 1], for each turn.

    0 for a fault (:func:`~gsim_env.rewards.turns.fault_of`).
    """
    faults = [fault_of(turn) for turn in turns]
    judged = [turn for turn, fault in zip(turns, faults, strict=True) if fault is None]
    found = iter(discriminator.probability(judged) if judged else ())
    return [0.0 if fault else float(next(found)) for fault in faults]


@lru_cache(maxsize=8)
def load_discriminator(place: str) -> Discriminator:
    """Return a trained discriminator, read once a process.

    Args:
        place: The folder that ``gsim train discriminator`` wrote, a group's folder with a
            ``discriminator/`` in it, or the name of a built-in group that comes with one.

    Raises:
        ConfigurationError: if there is none.
    """
    path = builtin_templates().get(place, Path(place).expanduser())
    for folder in (path, path / "discriminator"):
        for file, backend in BACKENDS.items():
            if (folder / file).is_file():
                module, _, attribute = backend.partition(":")
                found: Discriminator = getattr(importlib.import_module(module), attribute).load(
                    folder
                )
                return found
    builtin = [
        name for name, folder in builtin_templates().items() if (folder / "discriminator").is_dir()
    ]
    raise ConfigurationError(
        f"There is no discriminator in {place!r}: neither {' nor '.join(BACKENDS)}. Give a folder that gsim train "
        f"discriminator wrote, or a built-in group that has one: {', '.join(builtin)}."
    )
