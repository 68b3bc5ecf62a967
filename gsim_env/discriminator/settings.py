"""Settings of ``gsim train discriminator``: a YAML file plus ``key=value`` overrides."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gsim_env.errors import ConfigurationError, unknown_name_error
from gsim_env.util.extras import import_optional_module

__all__ = [
    "DiscriminatorSettings",
    "EmbeddingSettings",
    "NegativesSettings",
    "SequenceClassificationSettings",
    "read_discriminator_settings",
]

CONFIGS = Path(__file__).parent / "configs"


class _StrictSettings(BaseModel):
    """Settings that reject unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NegativesSettings(_StrictSettings):
    """Settings of the negatives y-: the model answers a discriminator is trained against.

    Attributes:
        file: JSONL file. New answers are appended; answers in it are not generated again.
        dialogues: Number of dialogues of D_sim, drawn by the seed. Every generator answers every
            turn of them.
        temperatures: Sampling temperatures; each dialogue uses one, in turn.
        generators: Settings of a model backend, by the generator's name in reports. ``None`` keeps
            the generator's answers in the file and generates no more.
    """

    file: Path
    dialogues: int = Field(ge=10)
    temperatures: tuple[float, ...] = Field(min_length=1)
    generators: dict[str, dict[str, Any] | None]


class EmbeddingSettings(_StrictSettings):
    """Settings of the embedding backend: logistic regression over a frozen sentence encoder.

    See :mod:`gsim_env.rewards.embedding_discriminator`.
    """

    backend: Literal["embedding"]
    encoder: str


class SequenceClassificationSettings(_StrictSettings):
    """Settings of the sequence-classification backend: language model with a linear head.

    See :mod:`gsim_env.rewards.sequence_classifier`.

    Attributes:
        model: Folder or hub name of a causal language model that transformers loads.
        lora_rank: Rank of the LoRA adapter; ``None`` trains all weights.
        learning_rate: Peak learning rate.
        epochs: Maximum number of epochs.
        patience: Training stops after this many evaluations without a lower loss.
        evaluations: Evaluations per epoch; each writes a checkpoint.
        batch_size: Answers per training step.
        max_length: The number of tokens that the model reads, counted from the end of the answer.
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


class DiscriminatorSettings(_StrictSettings):
    """Settings of ``gsim train discriminator``: data, output folder, negatives, backend.

    Attributes:
        d_sim: Parquet file that ``gsim group build`` wrote.
        out: Folder of the model, its report, plots and card.
        license: License of the training dialogues, for the card.
        language: BCP 47; the unit of length.
        held_out: Share of the dialogues held out for the report.
        studies: Also train on fewer dialogues (learning curve) and without each generator
            (transfer).
        seed: Seeds every random choice.
        negatives: The source of y-.
        model: The backend.
    """

    d_sim: Path
    out: Path
    license: str
    language: str = "en"
    held_out: float = Field(gt=0.0, lt=0.5)
    studies: bool
    seed: int
    negatives: NegativesSettings
    model: Annotated[
        EmbeddingSettings | SequenceClassificationSettings, Field(discriminator="backend")
    ]


def read_discriminator_settings(
    config: str, overrides: Sequence[str] = ()
) -> DiscriminatorSettings:
    """Return a discriminator's training settings from a YAML file plus ``key=value`` overrides.

    Args:
        config: A YAML file, or the name of a built-in configuration: ``embedding``, ``paper``,
            ``sequence_classification``.
        overrides: Settings that replace the file's, as ``a.b=value``.

    Raises:
        ConfigurationError: if the file does not exist, or a setting is missing, unknown or out of
            range.
    """
    omegaconf = import_optional_module("omegaconf", "train")

    builtin = {file.stem: file for file in sorted(CONFIGS.glob("*.yaml"))}
    file = builtin.get(config, Path(config).expanduser())
    if not file.is_file():
        raise unknown_name_error(
            "configuration (neither a file nor a built-in name)", config, builtin
        )

    try:
        merged = omegaconf.OmegaConf.merge(
            omegaconf.OmegaConf.load(file), omegaconf.OmegaConf.from_dotlist(list(overrides))
        )
        settings = omegaconf.OmegaConf.to_container(merged, resolve=True, throw_on_missing=True)
        return DiscriminatorSettings.model_validate(settings)
    except omegaconf.MissingMandatoryValue as error:
        raise ConfigurationError(f"{file}: {error}. Give it as key=value.") from error
    except (OSError, omegaconf.errors.OmegaConfBaseException, ValidationError) as error:
        raise ConfigurationError(f"{file}: {error}") from error
