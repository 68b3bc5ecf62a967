"""SimulatorConfig: the names, defaults, documentation and checks of all settings."""

from typing import Any, Self, TypedDict, Unpack

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gsim_env.errors import ConfigurationError, unknown_name_error
from gsim_env.models import ModelSpec
from gsim_env.models.registry import parse_model_spec

__all__ = ["SimulatorConfig", "SimulatorOptions"]


class SimulatorOptions(TypedDict, total=False):
    """The fields of :class:`SimulatorConfig` as typed keyword arguments (PEP 692)."""

    group: str
    customer: ModelSpec
    manager: ModelSpec
    profiles: ModelSpec
    encoder: str | None
    library: str | None
    k: int
    max_turns: int
    guidance: bool


class SimulatorConfig(BaseModel):
    """Settings of a simulator: customer group, models, Manager, encoder and library.

    Plain data: it pickles and round-trips as JSON.

    Raises:
        ConfigurationError: if a name is unknown or a value is not legal.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    group: str = Field(
        default="food_delivery", description="a built-in group, or the path of a bundle"
    )
    customer: ModelSpec = Field(
        default="embedded", description="the backend that words the customer: a name or settings"
    )
    manager: ModelSpec = Field(
        default="chain", description="``chain``, or a backend for the language-model Manager"
    )
    profiles: ModelSpec = Field(
        default="corpus",
        description="``corpus`` (recorded customers, recombined), or a backend that writes "
        "profiles",
    )
    encoder: str | None = Field(
        default=None,
        description="``minilm``, ``hashing``, a folder or a hub name; ``None`` for ``hashing`` "
        "with the scripted customer, else ``minilm``",
    )
    library: str | None = Field(
        default=None,
        description="``memory``, ``milvus`` (Milvus Lite) or a Milvus server's URI; ``None`` for "
        "``memory``, or ``milvus`` for a corpus of more than 20,000 calls",
    )
    k: int = Field(default=10, ge=1, description="retrieved calls per customer (eq. 8)")
    max_turns: int = Field(default=15, ge=1, description="exchanges until a call is truncated")
    guidance: bool = Field(
        default=True,
        description="whether the customer model gets the Manager's guidance; ``False`` is the "
        "paper's ablation without the dynamic SOP (table 2)",
    )

    def __init__(self, **options: Unpack[SimulatorOptions]) -> None:
        """Check the settings without loading anything heavy."""
        for name in options:
            if name not in type(self).model_fields:
                raise unknown_name_error("argument", name, type(self).model_fields)
        try:
            super().__init__(**options)
        except ValidationError as error:
            raise ConfigurationError("; ".join(map(_describe, error.errors()))) from error

        parse_model_spec(self.customer)
        self._check_role("manager", self.manager, default="chain")
        self._check_role("profiles", self.profiles, default="corpus")
        if self.library not in (None, "memory", "milvus") and "://" not in str(self.library):
            raise unknown_name_error("library (nor a URI)", self.library, ("memory", "milvus"))
        if not self.guidance and self.is_scripted:
            raise ConfigurationError(
                "The scripted customer repeats utterances that the guidance quotes: it needs "
                "guidance=True. Use another backend for guidance=False."
            )

    @staticmethod
    def _check_role(role: str, spec: ModelSpec, *, default: str) -> None:
        if spec == default:
            return
        try:
            parse_model_spec(spec)
        except ConfigurationError as error:
            raise ConfigurationError(f"{role} must be {default!r} or a backend. {error}") from error

    @property
    def is_scripted(self) -> bool:
        """Whether the customer is the ``scripted`` backend, which needs no model."""
        return parse_model_spec(self.customer)[0] == "scripted"

    @property
    def encoder_name(self) -> str:
        """The sentence encoder's name: ``encoder``, or the default for the customer model."""
        return self.encoder or ("hashing" if self.is_scripted else "minilm")

    def replace(self, **options: Unpack[SimulatorOptions]) -> Self:
        """Return a copy of the configuration with some settings changed; the copy is validated."""
        return type(self)(**{**self.model_dump(), **options})


def _describe(error: Any) -> str:
    """Return a pydantic error as a sentence: the argument, what is wrong, the value seen."""
    name = ".".join(map(str, error["loc"]))
    return f"{name}: {error['msg']}, got {error['input']!r:.200}"
