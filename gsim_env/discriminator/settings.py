"""The settings of a training run: a YAML file and ``key=value`` from the command line."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gsim_env.errors import ConfigurationError, unknown
from gsim_env.util.extras import require

__all__ = ["Embedding", "Negatives", "SequenceClassification", "Settings", "read_settings"]

CONFIGS = Path(__file__).parent / "configs"


class Strict(BaseModel):
    """Settings whose unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Negatives(Strict):
    """Where y- comes from.

    Attributes:
        file: JSONL, appended to; what is in it is not asked for again.
        dialogues: Of D_sim, drawn by the seed; every turn of them is answered by every generator.
        temperatures: A dialogue has one of them, in turn.
        generators: Settings of a backend, by the generator's name in reports; ``None`` asks it no
            more than it was.
    """

    file: Path
    dialogues: int = Field(ge=10)
    temperatures: tuple[float, ...] = Field(min_length=1)
    generators: dict[str, dict[str, Any] | None]


class Embedding(Strict):
    """A logistic regression over a frozen encoder: ``reward_fns/embedding_discriminator.py``."""

    backend: Literal["embedding"]
    encoder: str


class SequenceClassification(Strict):
    """A causal language model with a linear head: ``reward_fns/sequence_classification.py``.

    Attributes:
        model: Folder or hub name of a causal language model that transformers loads.
        lora_rank: Of the adapter; ``None`` trains all weights.
        epochs: At most.
        patience: Evaluations without a lower loss after which training stops.
        evaluations: In an epoch; a checkpoint goes with each.
        batch_size: Answers in a step.
        max_length: Tokens of a turn and its context, the last ones.
    """

    backend: Literal["sequence_classification"]
    model: str
    lora_rank: int | None = Field(ge=1)
    learning_rate: float = Field(gt=0.0)
    epochs: int = Field(ge=1)
    patience: int = Field(ge=1)
    evaluations: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    max_length: int = Field(ge=8)


class Settings(Strict):
    """All of them.

    Attributes:
        d_sim: Parquet file that ``gsim group build`` wrote.
        out: Folder of the model, its report, plots and card.
        license: Of the dialogues that the model learns from; goes into the card.
        language: BCP 47; the unit of length.
        held_out: Share of the dialogues that the report is about.
        studies: Train again, on fewer dialogues and without each generator, for the learning curve
            and the transfer.
        seed: Of every draw.
        negatives: Where y- comes from.
        model: The backend.
    """

    d_sim: Path
    out: Path
    license: str
    language: str = "en"
    held_out: float = Field(gt=0.0, lt=0.5)
    studies: bool
    seed: int
    negatives: Negatives
    model: Annotated[Embedding | SequenceClassification, Field(discriminator="backend")]


def read_settings(config: str, overrides: Sequence[str] = ()) -> Settings:
    """Return settings, changed by ``a.b=value``.

    Args:
        config: A YAML file, or the name of one in ``recipes/discriminator/config``.
        overrides: ``a.b=value``.

    Raises:
        ConfigurationError: if the file is not there, or a setting is missing, unknown or out of
            range.
    """
    omegaconf = require("omegaconf", "train")
    named = {file.stem: file for file in sorted(CONFIGS.glob("*.yaml"))}
    file = named.get(config, Path(config).expanduser())
    if not file.is_file():
        raise unknown("configuration (neither a file nor one that comes along)", config, named)
    try:
        merged = omegaconf.OmegaConf.merge(
            omegaconf.OmegaConf.load(file), omegaconf.OmegaConf.from_dotlist(list(overrides))
        )
        found = omegaconf.OmegaConf.to_container(merged, resolve=True, throw_on_missing=True)
        return Settings.model_validate(found)
    except omegaconf.MissingMandatoryValue as error:
        raise ConfigurationError(f"{file}: {error}. Give it as key=value.") from error
    except (OSError, omegaconf.errors.OmegaConfBaseException, ValidationError) as error:
        raise ConfigurationError(f"{file}: {error}") from error
