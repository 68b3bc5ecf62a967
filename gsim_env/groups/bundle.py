"""The bundle format: what a group's folder holds, read and checked as one object."""

import hashlib
import tomllib
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from string import Template
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gsim_env.errors import ConfigurationError, CorpusError, unknown
from gsim_env.models.protocol import Sampling
from gsim_env.profiles import Archetype, CorpusProfileGenerator, CustomerProfile, RecordedCall
from gsim_env.sop.personal_terms import PersonalTerms
from gsim_env.sop.taxonomy import Taxonomy

__all__ = [
    "Group",
    "GroupConfig",
    "Stances",
    "builtin_groups",
    "find_group",
    "find_template",
    "load_group",
]

BUILTIN = Path(__file__).parent
PROMPTS = {
    "customer": ("name", "description", "situation", "facts", "pain_points", "traits", "style"),
    "guidance": ("stage", "definition", "stance", "concern", "references"),
    "manager": ("archetype", "archetype_definition", "profile", "concerns", "stages"),
}


class Stances(BaseModel):
    """How each mood that the state can be in is put to the customer model, in the group's language."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    impatient: str
    suspicious: str
    cold: str
    warm: str
    guarded: str


class GroupConfig(BaseModel):
    """The contents of ``group.toml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: int
    language: str
    license: str
    brief: str = Field(description="what the salesperson knows before any call of this group")
    situation: str = Field(
        default="", description="what goes on as a customer is called, where a corpus does not say"
    )
    sampling: Sampling
    stances: Stances
    archetypes: dict[str, Archetype] = Field(min_length=1)


@dataclass(frozen=True, eq=False)
class Group:
    """A cohort of customers.

    Configuration, taxonomy, prompts and corpus, checked against each other.

    Attributes:
        path: The folder.
        config: ``group.toml``.
        taxonomy: ``taxonomy.toml``.
        calls: ``corpus.jsonl``.
        prompts: ``prompts/*.txt`` by stem.
    """

    path: Path
    config: GroupConfig
    taxonomy: Taxonomy
    calls: tuple[RecordedCall, ...]
    prompts: dict[str, Template]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the folder ``path``.

        Raises:
            CorpusError: if a file is missing or malformed (with its line, where it has lines), or
                if a stage, concern or archetype is named that the taxonomy or ``group.toml`` does
                not define.
        """
        group = replace(cls.load_template(path), calls=read_calls(path / "corpus.jsonl"))
        for call in group.calls:
            try:
                group.check_profile(call.profile)
                for turn in call.turns:
                    group.taxonomy.check(
                        turn.role, turn.stage or "", turn.concern
                    )  # each turn of a group has a stage
            except ConfigurationError as error:
                raise CorpusError(f"{path / 'corpus.jsonl'}: call {call.id!r}: {error}") from error
        return group

    @classmethod
    def load_template(cls, path: Path) -> Self:
        """Read the folder ``path`` but for its corpus.

        What ``gsim group build`` makes a group from.

        Raises:
            CorpusError: if a file is missing or malformed.
        """
        try:
            config = GroupConfig.model_validate(
                tomllib.loads((path / "group.toml").read_text(encoding="utf-8"))
            )
        except (OSError, tomllib.TOMLDecodeError, ValidationError) as error:
            raise CorpusError(f"{path / 'group.toml'}: {error}") from error
        return cls(
            path, config, Taxonomy.load(path / "taxonomy.toml"), (), read_prompts(path / "prompts")
        )

    def check_profile(self, profile: CustomerProfile) -> None:
        """Raise a ConfigurationError if ``profile`` names an archetype or a concern that this group lacks."""
        if profile.archetype not in self.config.archetypes:
            raise unknown("archetype", profile.archetype, self.config.archetypes)
        for concern in profile.concerns:
            if concern not in self.taxonomy.concerns:
                raise unknown("concern", concern, self.taxonomy.concerns)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the files that decide behavior.

        The version of a group that results record.
        """
        digest = hashlib.sha256()
        files = [self.path / name for name in ("group.toml", "taxonomy.toml", "corpus.jsonl")]
        files = [file for file in files if file.is_file()]  # a template has no corpus
        for file in (*files, *sorted((self.path / "prompts").glob("*.txt"))):
            digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
        return digest.hexdigest()

    @cached_property
    def profile_generator(self) -> CorpusProfileGenerator:
        """P(p | constraints), estimated from this group's corpus."""
        return CorpusProfileGenerator([call.profile for call in self.calls], self.config.archetypes)

    @cached_property
    def personal_terms(self) -> PersonalTerms:
        """Tells the words that only one or the other of this group's customers uses."""
        return PersonalTerms(self.calls)


def read_calls(path: Path) -> tuple[RecordedCall, ...]:
    """Read a ``corpus.jsonl``.

    Raises:
        CorpusError: naming the file, the line and the reason, if a row is malformed or an id stands
            twice.
    """
    calls: dict[str, RecordedCall] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise CorpusError(f"{path}: {error}") from error
    for number, line in enumerate(lines, start=1):
        try:
            call = RecordedCall.model_validate_json(line)
        except ValidationError as error:
            raise CorpusError(f"{path}, line {number}: {error}") from error
        if call.id in calls:
            raise CorpusError(f"{path}, line {number}: the id {call.id!r} stands twice")
        calls[call.id] = call
    return tuple(calls.values())


def read_prompts(folder: Path) -> dict[str, Template]:
    """Read the prompt templates (``string.Template``.

    One pass, so what is filled in is never a template itself).

    Raises:
        CorpusError: if one is missing or has a placeholder that the simulator does not fill.
    """
    return {name: read_prompt(folder / f"{name}.txt", fields) for name, fields in PROMPTS.items()}


def read_prompt(file: Path, fields: Collection[str]) -> Template:
    """Read one prompt template.

    Args:
        file: Where it is.
        fields: The placeholders it may have.

    Raises:
        CorpusError: if it is missing or has another placeholder.
    """
    try:
        template = Template(file.read_text(encoding="utf-8").strip())
    except OSError as error:
        raise CorpusError(f"{file}: {error}") from error
    strange = set(template.get_identifiers()) - set(fields)
    if strange or not template.is_valid():
        raise CorpusError(
            f"{file}: placeholders must be among {', '.join(fields)}; found {sorted(strange)}"
        )
    return template


def builtin_groups() -> dict[str, Path]:
    """Return the built-in groups: name to folder."""
    return {
        name: folder
        for name, folder in builtin_templates().items()
        if (folder / "corpus.jsonl").is_file()
    }


def builtin_templates() -> dict[str, Path]:
    """Return the built-in templates, which need a corpus to become a group, and groups, which can serve as one."""
    return {
        folder.name: folder
        for folder in sorted(BUILTIN.iterdir())
        if (folder / "group.toml").is_file()
    }


def find_group(group: str) -> Path:
    """Return the folder of a built-in group by name, or of a user's own by its path.

    Raises:
        ConfigurationError: if it is neither, or a template.
    """
    builtin = builtin_groups()
    path = builtin.get(group, Path(group).expanduser())
    if path.is_dir():
        return path
    if group in builtin_templates():
        raise ConfigurationError(
            f"{group!r} is a template without a corpus. Make a group of it from your own dialogues, and give its folder: "
            f"gsim group build --template {group} --from FILE --out DIR"
        )
    raise unknown("group (neither built in nor a folder)", group, builtin)


def find_template(template: str) -> Path:
    """Return the folder of a built-in template or group by name, or of a user's own by its path.

    Raises:
        ConfigurationError: if it is neither.
    """
    builtin = builtin_templates()
    path = builtin.get(template, Path(template).expanduser())
    if not (path / "group.toml").is_file():
        raise unknown(
            "template (neither built in nor a folder with a group.toml)", template, builtin
        )
    return path


@lru_cache(maxsize=8)
def load_group(group: str) -> Group:
    """Load a group by name or path; it is read once a process.

    Raises:
        ConfigurationError: if there is no such group.
        CorpusError: if the folder's contents are malformed.
    """
    return Group.load(find_group(group))
