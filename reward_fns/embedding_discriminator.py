"""The embedded default of the pattern reward model: a frozen encoder and a logistic regression; milliseconds on a CPU."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gsim_env.errors import ConfigurationError
from gsim_env.models import Encoder
from gsim_env.models.registry import build_encoder
from reward_fns.pattern import pattern_reward
from reward_fns.turns import Turn, turn_of

__all__ = ["EmbeddingDiscriminator", "compute_score", "features"]

Floats = NDArray[np.float64]

FILE = "embedding.json"

WORD = re.compile(r"\w+(?:['\u2019]\w+)?")


@dataclass(frozen=True, eq=False)
class EmbeddingDiscriminator:
    """P(real | c, y) = sigma((w . x + b) / T), with x the :func:`features` of the salesperson's last words and the answer.

    Attributes:
        name: Identifies it in results.
        encoder: phi, as ``gsim_env.models.registry`` names it.
        weights: w, shape (features,).
        bias: b.
        temperature: T, by which its probabilities are calibrated (Guo et al. 2017); greater than 0.
    """

    name: str
    encoder: str
    weights: Floats
    bias: float
    temperature: float = 1.0

    def probability(self, turns: Sequence[Turn]) -> Floats:
        """Return P(label = Real | c, y) for each turn, shape (turns,)."""
        logits = (features(turns, build_encoder(self.encoder)) @ self.weights + self.bias) / self.temperature
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits, -60.0, 60.0))))

    def save(self, folder: Path) -> None:
        """Write it to a folder."""
        learnt = {
            "name": self.name,
            "encoder": self.encoder,
            "weights": [round(float(weight), 6) for weight in self.weights],
            "bias": self.bias,
            "temperature": self.temperature,
        }
        (folder / FILE).write_text(json.dumps(learnt), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read it from a folder.

        Raises:
            ConfigurationError: if the folder holds none.
        """
        try:
            learnt: dict[str, Any] = json.loads((folder / FILE).read_text(encoding="utf-8"))
            return cls(**{**learnt, "weights": np.array(learnt["weights"])})
        except (OSError, ValueError, TypeError) as error:
            raise ConfigurationError(f"{folder} holds no discriminator of the back end 'embedding': {error}") from error


def features(turns: Sequence[Turn], encoder: Encoder) -> Floats:
    """Return what the logistic regression sees of each turn, shape (turns, 2 d + 12).

    phi(y); phi(u) * phi(y), by which an answer fits the salesperson's last words u or not; and how y is written.
    """
    heard = [next((m["content"] for m in reversed(turn.context) if m["role"] == "user"), "") for turn in turns]
    said = [turn.answer for turn in turns]
    distinct = list(dict.fromkeys([*said, *heard]))
    row = {text: index for index, text in enumerate(distinct)}
    vectors = encoder.encode(distinct)
    answers, before = vectors[[row[text] for text in said]], vectors[[row[text] for text in heard]]
    scale = math.sqrt(answers.shape[1])  # of unit vectors, so that each feature is about 1
    writing = np.array([written(text) for text in said])
    return np.concatenate([scale * answers, scale**2 * answers * before, writing], axis=1).astype(np.float64)


def written(text: str) -> list[float]:
    """Return how a text is written, each figure about -2 to 2: length, case, punctuation, the person it is about."""
    words = WORD.findall(text)
    lower = [word.lower() for word in words]
    count = max(len(words), 1)

    def share(*wanted: str) -> float:
        return 10.0 * sum(word in wanted for word in lower) / count

    return [
        math.log1p(len(words)) - 2.0,
        sum(map(len, words)) / count - 4.0,
        float(text[:1].islower()),
        float(text.rstrip()[-1:] not in tuple(".?!\"')")),
        float("?" in text),
        float("!" in text),
        10.0 * text.count(",") / count,
        float(any(mark in text for mark in ("...", "..", "\u2026"))),
        float(re.search(r"\bi\b|\bi'", text) is not None),
        10.0 * sum("'" in word or "\u2019" in word for word in words) / count,
        share("i", "i'm", "my", "me"),
        share("you", "your"),
    ]


def compute_score(
    data_source: str,  # noqa: ARG001 - verl's signature
    solution_str: str,
    ground_truth: str,
    extra_info: Mapping[str, Any] | None = None,
    *,
    folder: str,
) -> dict[str, float]:
    """Return the pattern reward as verl calls for it (``reward.custom_reward_function``), for a row of D_sim.

    Args:
        data_source: Not looked at.
        solution_str: y.
        ground_truth: y*, not looked at.
        extra_info: Of the row.
        folder: Where the discriminator is.

    Raises:
        ConfigurationError: if the row lacks what is needed, or the folder holds no discriminator.
        SimulatorError: if the encoder fails.
    """
    return {"score": pattern_reward([turn_of(solution_str, ground_truth, extra_info)], loaded(folder))[0]}


@lru_cache(maxsize=8)
def loaded(folder: str) -> EmbeddingDiscriminator:
    """Return the discriminator of a folder, read once a process."""
    return EmbeddingDiscriminator.load(Path(folder))
