"""Sequence-classification discriminator: a causal language model with a linear head (app. B.2)."""

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
from gsim_env.util.extras import import_optional_module, log_loading

__all__ = ["CONFIG", "WEIGHTS", "SequenceClassifier", "SequenceClassifierConfig", "tokenize_turn"]

CONFIG, WEIGHTS = "classifier.json", "model"

BATCH_SIZE = 32

SPEAKERS = {"user": "Salesperson", "assistant": "Customer"}


class SequenceClassifierConfig(BaseModel):
    """Configuration of a trained sequence classifier: the contents of ``classifier.json``.

    Attributes:
        name: Identifies the model in results.
        base: Folder or hub name of the language model under a LoRA adapter; ``None`` if ``model/``
            holds all weights.
        max_length: The number of tokens that the model reads, counted from the end of the answer.
        temperature: T > 0, which calibrates the probabilities (Guo et al. 2017).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    base: str | None
    max_length: int = Field(ge=8)
    temperature: float = Field(default=1.0, gt=0.0)


class SequenceClassifier:
    """Human-or-model classifier of customer answers: a causal language model with a linear head.

    P(real | c, y) = sigma(f(c, y) / T), f linear in the hidden state of y's last token. The weights
    are loaded on first use, to a GPU if there is one.

    Args:
        folder: The folder that ``gsim train discriminator`` wrote.
        config: Its ``classifier.json``.
    """

    def __init__(self, folder: Path, config: SequenceClassifierConfig) -> None:
        """Keep the folder; load nothing yet."""
        self.folder = folder
        self.config = config
        self._lock = Lock()

    @property
    def name(self) -> str:
        """The trained model's name in reports and results."""
        return self.config.name

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Return the classifier in a folder; its weights are loaded on first use.

        Raises:
            ConfigurationError: if the folder holds no sequence classifier.
        """
        try:
            content = (folder / CONFIG).read_text(encoding="utf-8")
            return cls(folder, SequenceClassifierConfig.model_validate_json(content))
        except (OSError, ValidationError) as error:
            raise ConfigurationError(f"{folder} holds no sequence classifier: {error}") from error

    def save_config(self) -> None:
        """Write the configuration to ``classifier.json``; the trainer writes the weights."""
        content = json.dumps(self.config.model_dump(), indent=1)
        (self.folder / CONFIG).write_text(content + "\n", encoding="utf-8")

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        """The tokenizer and the model."""
        transformers = import_optional_module("transformers", "transformers")
        weights = str(self.folder / WEIGHTS)

        with log_loading(f"the discriminator {self.name}"):
            tokenizer = transformers.AutoTokenizer.from_pretrained(weights)
            model = transformers.AutoModelForSequenceClassification.from_pretrained(
                self.config.base or weights, num_labels=1, pad_token_id=tokenizer.pad_token_id
            )
            if self.config.base is not None:
                model = import_optional_module("peft", "transformers").PeftModel.from_pretrained(
                    model, weights
                )

            cuda = import_optional_module("torch", "transformers").cuda.is_available()
            return tokenizer, model.eval().to("cuda" if cuda else "cpu")

    def probability(self, turns: Sequence[Turn]) -> NDArray[np.float64]:
        """Return the probability that a human gave each answer, shape (turns,), in [0, 1].

        Raises:
            ImportError: if the extra ``transformers`` is not installed.
            SimulatorError: if the model fails.
        """
        logits = self.logits(turns) / self.config.temperature
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits, -60.0, 60.0))))

    def logits(self, turns: Sequence[Turn]) -> NDArray[np.float64]:
        """Return each answer's logit of P(real) before calibration, shape (turns,).

        Raises:
            ImportError: if the extra ``transformers`` is not installed.
            SimulatorError: if the model fails.
        """
        torch = import_optional_module("torch", "transformers")
        with self._lock, torch.inference_mode():
            tokenizer, _ = self._loaded
            rows = [
                tokenize_turn(tokenizer, turn, self.config.max_length)["input_ids"]
                for turn in turns
            ]

            # Batch turns of similar length, which need little padding.
            order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
            logits = np.zeros(len(rows))
            for start in range(0, len(rows), BATCH_SIZE):
                batch = order[start : start + BATCH_SIZE]
                logits[batch] = self._batch_logits([rows[index] for index in batch])
        return logits

    def _batch_logits(self, rows: Sequence[Sequence[int]]) -> NDArray[np.float64]:
        tokenizer, model = self._loaded
        padded = tokenizer.pad({"input_ids": rows}, return_tensors="pt")
        try:
            logits = model(**padded.to(model.device)).logits[:, 0].float().cpu().numpy()
        except RuntimeError as error:
            raise SimulatorError(
                f"The discriminator {self.name} failed on {len(rows)} turns: {error}"
            ) from error
        return np.asarray(logits, dtype=np.float64)


def _turn_as_script(turn: Turn) -> str:
    """Return a turn and its context as a script, one line per utterance; the answer is last."""
    lines = [f"{SPEAKERS[message['role']]}: {message['content']}" for message in turn.context]
    return "\n".join([*lines, f"{SPEAKERS['assistant']}: {turn.answer}"])


def tokenize_turn(tokenizer: Any, turn: Turn, max_length: int) -> dict[str, Any]:
    """Return the tokens of a customer answer with its context, the last ``max_length`` of them.

    The tokenizer must have ``truncation_side="left"``.
    """
    encoding = tokenizer(_turn_as_script(turn), truncation=True, max_length=max_length)
    return {**encoding}
