"""Where a source keeps what a dialogue needs.

A YAML file says it, so that a new source needs no code.
"""

from collections.abc import Mapping, Sequence
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
from gsim_env.errors import ConfigurationError, unknown
from gsim_env.util.extras import require

__all__ = ["Container", "FieldMapping", "builtin_mappings", "find", "labels"]

BUILTIN = Path(__file__).parent / "mappings"
Container = Literal["jsonl", "json", "csv"]
Labels = Annotated[
    tuple[str, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)
]
Ours = TypeVar("Ours", bound=str)


class FieldMapping(BaseModel):
    """Where in a row the parts of a dialogue are, and what the source's labels mean.

    Places are dotted paths (``meta.outcome.success``) or CSV columns. Tables have this project's
    names on the left and the source's labels for it on the right, one or a list. What a source
    lacks is left out.

    Attributes:
        name: What the mapping is called: its file's stem.
        container: ``jsonl``: a dialogue a line. ``json``: one JSON document. ``csv``: a turn a
            line, with a header.
        dialogues: Where in a ``json`` document the dialogues are, as an array or by id; left out:
            it consists of them.
        id: Of the dialogue; consecutive CSV lines with the same id are one dialogue.
        turns: The list of turns; a ``csv`` has none.
        role: Of a turn.
        text: Of a turn.
        stage: Of a turn; may be a list of labels, of which the last that ``stages`` knows counts.
        concern: Of a turn.
        roles: Labels of the two roles.
        skipped: Labels of roles that are not part of the call, such as ``system``.
        outcome: Of the dialogue.
        outcomes: Labels of outcomes; left out: they are the names in
            :class:`~gsim_env.dialogue.Outcome`.
        attributes: What else to keep of the customer, by name; lists are joined.
        stages: Labels of stages, for each role; left out for a role: they are stage names already.
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
            raise ValueError("a csv needs `id`: the column that says which lines are one dialogue")
        return self

    @classmethod
    def load(cls, mapping: str | Path) -> Self:
        """Read a built-in mapping by name, or a user's own YAML file by its path.

        Raises:
            ConfigurationError: if it is neither, or if the file is malformed.
            ImportError: if PyYAML is absent.
        """
        builtin = builtin_mappings()
        path = builtin.get(str(mapping), Path(mapping).expanduser())
        if not path.is_file():
            raise unknown("field mapping (neither built in nor a file)", str(mapping), builtin)
        yaml = require("yaml", "corpus")
        try:
            # The base loader leaves every scalar as it is written: the label `no` is not a boolean. It builds nothing else.
            fields = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
            return cls.model_validate(
                {"name": path.stem, **fields} if isinstance(fields, dict) else fields
            )
        except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
            legal = ", ".join(name for name in cls.model_fields if name != "name")
            raise ConfigurationError(f"{path}: {error}\nFields of a mapping: {legal}.") from error

    def role_of(self, label: str | None) -> Role | None:
        """Return the role that a label means, or None if it means none."""
        return _translated(self.roles, label)

    def outcome_of(self, label: str | None) -> Outcome | None:
        """Return the outcome that a label means, or None if it means none."""
        return _translated(
            self.outcomes or {outcome: (outcome.value,) for outcome in Outcome}, label
        )

    def stage_of(self, role: Role, given: Sequence[str]) -> str | None:
        """Return the stage that the last known one of the labels ``given`` means, or None if none is known."""
        if role not in self.stages:
            return given[-1] if given else None
        known = (_translated(self.stages[role], label) for label in reversed(given))
        return next((stage for stage in known if stage is not None), None)


def builtin_mappings() -> dict[str, Path]:
    """Return the built-in mappings: name to file."""
    return {file.stem: file for file in sorted(BUILTIN.glob("*.yaml"))}


def find(row: Any, path: str | None) -> Any:
    """Return what is at a dotted path of a decoded JSON value, or None.

    A key that is the whole path comes first.
    """
    if path is None:
        return None
    if isinstance(row, dict) and path in row:
        return row[path]
    for key in path.split("."):
        row = row.get(key) if isinstance(row, dict) else None
    return row


def labels(value: object) -> list[str]:
    """Return a scalar, or a list of scalars, as it would be written in YAML.

    Null, empty text and objects give nothing.
    """
    if isinstance(value, list):
        return [label for item in value if not isinstance(item, list) for label in labels(item)]
    if isinstance(value, bool):
        return [str(value).lower()]
    if isinstance(value, float) and value.is_integer():
        return [str(int(value))]
    return (
        [str(value).strip()] if isinstance(value, (str, int, float)) and str(value).strip() else []
    )


def _translated(table: Mapping[Ours, tuple[str, ...]], label: str | None) -> Ours | None:
    return next((ours for ours, theirs in table.items() if label in theirs), None)


def _checked(table: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    seen: dict[str, str] = {}
    for ours, theirs in table.items():
        for label in theirs:
            if seen.setdefault(label, ours) != ours:
                raise ValueError(
                    f"the label {label!r} stands for {seen[label]!r} and for {ours!r}; leave one out"
                )
    return table
