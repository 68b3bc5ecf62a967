"""The pattern reward model as a causal language model with a linear head on the last token (appendix B.2)."""

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gsim_env.errors import ConfigurationError, SimulatorError
from gsim_env.rewards.turns import Turn
from gsim_env.util.extras import loading, require

__all__ = ["ClassifierConfig", "SequenceClassifier", "as_text"]

FILE, WEIGHTS = "classifier.json", "model"

BATCH = 32

SPEAKERS = {"user": "Salesperson", "assistant": "Customer"}


class ClassifierConfig(BaseModel):
    """The contents of ``classifier.json``.

    Attributes:
        name: Identifies it in results.
        base: Folder or hub name of the language model under a LoRA; ``None`` if ``model/`` holds
            all weights.
        max_length: Tokens that it reads of a turn and its context, the last ones.
        temperature: T, by which its probabilities are calibrated (Guo et al. 2017).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    base: str | None
    max_length: int = Field(ge=8)
    temperature: float = Field(default=1.0, gt=0.0)


class SequenceClassifier:
    """P(real | c, y) = sigma(f(c, y) / T), f linear in the hidden state of y's last token."""

    def __init__(self, folder: Path, config: ClassifierConfig) -> None:
        """Remember where the weights are.

        They are loaded on first use, to a GPU if there is one.
        """
        self.folder, self.config, self._lock = folder, config, Lock()

    @property
    def name(self) -> str:
        """Identifies the trained model in results."""
        return self.config.name

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read it from a folder.

        Raises:
            ConfigurationError: if the folder holds none.
        """
        try:
            return cls(
                folder,
                ClassifierConfig.model_validate_json((folder / FILE).read_text(encoding="utf-8")),
            )
        except (OSError, ValidationError) as error:
            raise ConfigurationError(f"{folder} holds no sequence classifier: {error}") from error

    def save_config(self) -> None:
        """Write ``classifier.json``; the trainer has written ``model/``."""
        (self.folder / FILE).write_text(
            json.dumps(self.config.model_dump(), indent=1) + "\n", encoding="utf-8"
        )

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        transformers = require("transformers", "transformers")
        weights = str(self.folder / WEIGHTS)
        with loading(f"the discriminator {self.name}"):
            tokenizer = transformers.AutoTokenizer.from_pretrained(weights)
            model = transformers.AutoModelForSequenceClassification.from_pretrained(
                self.config.base or weights, num_labels=1, pad_token_id=tokenizer.pad_token_id
            )
            if self.config.base is not None:
                model = require("peft", "transformers").PeftModel.from_pretrained(model, weights)
            cuda = require("torch", "transformers").cuda.is_available()
            return tokenizer, model.eval().to("cuda" if cuda else "cpu")

    def probability(self, turns: Sequence[Turn]) -> NDArray[np.float64]:
        """Return P(label = Real | c, y) for each turn, shape (turns,).

        Raises:
            ImportError: if the extra ``transformers`` is not installed.
            SimulatorError: if the model fails.
        """
        logits = self.logits(turns) / self.config.temperature
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits, -60.0, 60.0))))

    def logits(self, turns: Sequence[Turn]) -> NDArray[np.float64]:
        """Return f(c, y), not calibrated, shape (turns,); turns of like length go together."""
        torch = require("torch", "transformers")
        with self._lock, torch.inference_mode():
            tokenizer, model = self._loaded
            rows = [
                tokenizer(as_text(turn), **limits(self.config.max_length))["input_ids"]
                for turn in turns
            ]
            order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
            found = np.zeros(len(rows))
            for start in range(0, len(rows), BATCH):
                batch = order[start : start + BATCH]
                padded = tokenizer.pad(
                    {"input_ids": [rows[index] for index in batch]}, return_tensors="pt"
                )
                try:
                    found[batch] = (
                        model(**padded.to(model.device)).logits[:, 0].float().cpu().numpy()
                    )
                except RuntimeError as error:
                    raise SimulatorError(
                        f"{self.name} could not judge {len(batch)} turns: {error}"
                    ) from error
        return found


def as_text(turn: Turn) -> str:
    """Return a turn in its context as a script, a line each; the answer's last word comes last."""
    lines = [f"{SPEAKERS[message['role']]}: {message['content']}" for message in turn.context]
    return "\n".join([*lines, f"{SPEAKERS['assistant']}: {turn.answer}"])


def limits(max_length: int) -> dict[str, Any]:
    """Return how a tokenizer is to be called.

    What is too long loses its beginning. It must have ``truncation_side`` left.
    """
    return {"truncation": True, "max_length": max_length}
