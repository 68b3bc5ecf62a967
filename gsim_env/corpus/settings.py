"""Settings of a group build, and where its intermediate files are."""

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gsim_env.errors import ConfigurationError, unknown_name_error
from gsim_env.groups import Group
from gsim_env.groups.bundle import resolve_template_folder
from gsim_env.models import ModelSpec
from gsim_env.util.files import sha256_file

__all__ = ["ON_ERROR", "BuildSettings"]

ON_ERROR = ("raise", "skip")


class BuildSettings(BaseModel):
    """What :func:`gsim_env.corpus.build_group` builds, and how.

    Raises:
        ConfigurationError: if the source or the template does not exist, or a value is not legal.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Path = Field(description="the raw dialogues: JSONL, JSON or CSV")
    template: str = Field(
        description="a built-in template or group, or a folder: brief, taxonomy, archetypes"
    )
    out: Path = Field(description="the folder that becomes the group")
    mapping: str | None = Field(
        default=None,
        description="the field mapping: a built-in one or a YAML file; ``None`` guesses it",
    )
    annotator: ModelSpec = Field(
        default="classifier",
        description="``classifier`` (trained on the source's labels and the taxonomy's phrases), "
        "or a backend",
    )
    extractor: ModelSpec = Field(
        default="style",
        description="``style`` (statistics and verbatim quotations), or a backend that must quote",
    )
    encoder: str = Field(default="minilm", description="the sentence encoder phi")
    held_out: float = Field(
        default=0.2,
        ge=0.0,
        lt=1.0,
        description="share of the customers who are kept out of the group and of training",
    )
    on_error: str = Field(
        default="raise", description="malformed rows: ``raise``, or ``skip`` and count them"
    )
    ignore_labels: bool = Field(
        default=False, description="whether to drop the stages and concerns of the source"
    )

    if not TYPE_CHECKING:  # mypy keeps the signature that pydantic derives from the fields

        def __init__(self, **fields: Any) -> None:
            """Check the settings and load the template."""
            try:
                super().__init__(**fields)
            except ValidationError as error:
                raise ConfigurationError("; ".join(map(_describe, error.errors()))) from error

            if self.on_error not in ON_ERROR:
                raise unknown_name_error("on_error", self.on_error, ON_ERROR)
            if not self.source.is_file():
                raise ConfigurationError(f"There is no file {self.source}.")
            _ = self.template_group

    @cached_property
    def template_group(self) -> Group:
        """The template, loaded: a group without calls."""
        return Group.load_template(resolve_template_folder(self.template))

    @property
    def work(self) -> Path:
        """The folder of the intermediate files."""
        return self.out / ".build"

    @cached_property
    def key(self) -> str:
        """A digest of everything that the intermediate files depend on."""
        models = [_without_secrets(self.annotator), _without_secrets(self.extractor), self.encoder]
        options = [self.mapping, *models, self.on_error, self.ignore_labels]

        digest = hashlib.sha256(self.template_group.digest.encode())
        digest.update(bytes.fromhex(sha256_file(self.source)))
        digest.update(json.dumps(options).encode())
        return digest.hexdigest()

    def chunks(self, step: str) -> list[Path]:
        """Return the chunks that a step has written, in order."""
        return sorted((self.work / step).glob("*.jsonl"))


def _without_secrets(spec: ModelSpec) -> Any:
    """Return a backend's name or settings without its API key."""
    if isinstance(spec, str):
        return spec
    return {name: value for name, value in spec.items() if name != "api_key"}


def _describe(error: Any) -> str:
    """Return one of pydantic's errors in words: the setting, the problem, the value."""
    name = ".".join(map(str, error["loc"]))
    return f"{name}: {error['msg']}, got {error['input']!r:.200}"
