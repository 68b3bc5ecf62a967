"""Field mappings: YAML files that describe where a source has the fields of a dialogue."""

from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from gsim_env.dialogue import Outcome, Role
from gsim_env.errors import ConfigurationError, unknown_name_error
from gsim_env.util.extras import import_optional_module

__all__ = ["Container", "FieldMapping", "builtin_mappings", "find", "labels"]

BUILTIN = Path(__file__).parent / "mappings"
Container = Literal["jsonl", "json", "csv"]
Labels = Annotated[
    tuple[str, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)
]
Name = TypeVar("Name", bound=str)


class FieldMapping(BaseModel):
    """Where a row has the fields of a dialogue, and what the source's labels mean.

    Paths are dotted (``meta.outcome.success``) or CSV columns. Tables map a name of this project to
    the source's label or labels. Fields that a source lacks are left out.

    Attributes:
        name: The name of the mapping: its file's stem.
        container: ``jsonl``: one dialogue per line. ``json``: one JSON document. ``csv``: one turn
            per line, with a header.
        dialogues: Path of the dialogues in a ``json`` document, an array or an object by id.
            Default: the document itself.
        id: Path of the dialogue's id; consecutive CSV lines with the same id are one dialogue.
        turns: Path of the list of turns; unused for ``csv``.
        role: Path of a turn's role.
        text: Path of a turn's text.
        stage: Path of a turn's stage; for a list of labels, the last one in ``stages`` counts.
        concern: Path of a turn's concern.
        roles: Labels of the two roles.
        skipped: Labels of roles that are not part of the call, such as ``system``.
        outcome: Path of the dialogue's outcome.
        outcomes: Labels of outcomes. Default: the names in :class:`~gsim_env.dialogue.Outcome`.
        attributes: Paths of further attributes of the customer, by name; lists are joined.
        stages: Labels of stages for each role. Default for a role: labels are stage names.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = "custom"
    container: Container = "jsonl"
    dialogues: str | None = None
    id: str | None = None
    turns: str = "turns"
    role: str = "role"
    text: str = "text"
    stage: str | None = None
    concern: str | None = None
    roles: dict[Role, Labels] = Field(
        default={"sales": ("sales",), "customer": ("customer",)}, min_length=2
    )
    skipped: Labels = ("system",)
    outcome: str | None = None
    outcomes: dict[Outcome, Labels] = {}
    attributes: dict[str, str] = {}
    stages: dict[Role, dict[str, Labels]] = {}

    @field_validator("roles", "outcomes")
    @classmethod
    def _unambiguous(cls, table: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        return _checked(table)

    @field_validator("stages")
    @classmethod
    def _unambiguous_stages(cls, tables: dict[Role, dict[str, tuple[str, ...]]]) -> Any:
        return {role: _checked(table) for role, table in tables.items()}

    @model_validator(mode="after")
    def _fits_container(self) -> Self:
        if self.dialogues is not None and self.container != "json":
            raise ValueError(
                f"`dialogues` is for `container: json`, not {self.container!r}; leave it out"
            )
        if self.container == "csv" and self.id is None:
            raise ValueError("a csv needs `id`: the column that identifies the dialogue of a line")
        return self

    @classmethod
    def load(cls, mapping: str | Path) -> Self:
        """Read a built-in mapping by name, or a YAML file by path.

        Raises:
            ConfigurationError: if it is neither, or the file is malformed.
            ImportError: if PyYAML is absent.
        """
        builtin = builtin_mappings()
        path = builtin.get(str(mapping), Path(mapping).expanduser())
        if not path.is_file():
            raise unknown_name_error(
                "field mapping (neither built in nor a file)", str(mapping), builtin
            )

        yaml = import_optional_module("yaml", "corpus")
        try:
            # The base loader keeps every scalar as text (the label `no` is not a boolean) and
            # constructs no objects.
            fields = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
            if isinstance(fields, dict):
                fields = {"name": path.stem, **fields}
            return cls.model_validate(fields)
        except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
            legal = ", ".join(name for name in cls.model_fields if name != "name")
            raise ConfigurationError(f"{path}: {error}\nFields of a mapping: {legal}.") from error

    def role_of(self, label: str | None) -> Role | None:
        """Return the role of a label, or ``None`` for an unknown label."""
        return _translate(self.roles, label)

    def outcome_of(self, label: str | None) -> Outcome | None:
        """Return the outcome of a label, or ``None`` for an unknown label."""
        outcomes = self.outcomes or {outcome: (outcome.value,) for outcome in Outcome}
        return _translate(outcomes, label)

    def stage_of(self, role: Role, given: Sequence[str]) -> str | None:
        """Return the stage of the last known label, or ``None`` if no label is known."""
        if role not in self.stages:
            return given[-1] if given else None

        stages = (_translate(self.stages[role], label) for label in reversed(given))
        return next((stage for stage in stages if stage is not None), None)


def builtin_mappings() -> dict[str, Path]:
    """Return the files of the built-in mappings by name."""
    return {file.stem: file for file in sorted(BUILTIN.glob("*.yaml"))}


def find(row: Any, path: str | None) -> Any:
    """Return the value at a dotted path of a decoded JSON value, or ``None``.

    A key that equals the whole path takes precedence.
    """
    if path is None:
        return None
    if isinstance(row, dict) and path in row:
        return row[path]

    for key in path.split("."):
        row = row.get(key) if isinstance(row, dict) else None
    return row


def labels(value: object) -> list[str]:
    """Return a scalar, or the scalars of a list, as text, written as in YAML.

    Null, empty text, objects and nested lists give nothing.
    """
    if isinstance(value, list):
        scalars = (item for item in value if not isinstance(item, list))
        return list(chain.from_iterable(map(labels, scalars)))
    if isinstance(value, bool):
        return [str(value).lower()]
    if isinstance(value, float) and value.is_integer():
        return [str(int(value))]

    text = str(value).strip() if isinstance(value, (str, int, float)) else ""
    return [text] if text else []


def _translate(table: Mapping[Name, tuple[str, ...]], label: str | None) -> Name | None:
    """Return the name of a source's label, or ``None``."""
    return next((name for name, source_labels in table.items() if label in source_labels), None)


def _checked(table: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Return a table; raise a ValueError if a label has two names."""
    names: dict[str, str] = {}
    for name, source_labels in table.items():
        for label in source_labels:
            if names.setdefault(label, name) != name:
                raise ValueError(
                    f"the label {label!r} is listed under {names[label]!r} and {name!r}; remove one"
                )
    return table
