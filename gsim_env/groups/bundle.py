"""The group bundle: a folder of configuration, taxonomy, prompts and corpus as one object."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from string import Template
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gsim_env.errors import ConfigurationError, CorpusError, unknown_name_error
from gsim_env.models.protocol import SamplingParams
from gsim_env.profiles import Archetype, CorpusProfileGenerator, CustomerProfile, RecordedCall
from gsim_env.sop.personal_terms import PersonalTerms
from gsim_env.sop.taxonomy import Taxonomy
from gsim_env.util.files import load_toml_model

__all__ = [
    "Group",
    "GroupConfig",
    "StanceInstructions",
    "builtin_group_folders",
    "load_group",
    "resolve_group_folder",
    "resolve_template_folder",
]

BUILTIN = Path(__file__).parent
"""Folder of the built-in groups and templates."""

CONFIG = "group.toml"
TAXONOMY = "taxonomy.toml"
CORPUS = "corpus.jsonl"

PROMPTS = {
    "customer": ("name", "description", "situation", "facts", "pain_points", "traits", "style"),
    "guidance": ("stage", "definition", "stance", "concern", "references"),
    "manager": ("archetype", "archetype_definition", "profile", "concerns", "stages"),
}
"""The prompt templates of a group, each with its placeholders."""


class StanceInstructions(BaseModel):
    """The customer model's prompt instruction for each mood, in the group's language."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    impatient: str
    suspicious: str
    cold: str
    warm: str
    guarded: str


class GroupConfig(BaseModel):
    """The configuration of a customer group: the contents of its ``group.toml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: int
    language: str
    license: str
    brief: str = Field(description="the salesperson's knowledge before any call of this group")
    situation: str = Field(
        default="", description="the customer's situation where a corpus does not state it"
    )
    sampling: SamplingParams
    stances: StanceInstructions
    archetypes: dict[str, Archetype] = Field(min_length=1)


@dataclass(frozen=True, eq=False)
class Group:
    """A group of customers: configuration, taxonomy, prompts and corpus, checked together.

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
        """Return the customer group of a folder.

        Raises:
            CorpusError: if a file is missing or malformed (names the line, if any), or if the
                corpus names a stage, concern or archetype that the group does not define.
        """
        group = replace(cls.load_template(path), calls=read_recorded_calls(path / CORPUS))
        for call in group.calls:
            try:
                group.check_call(call)
            except ConfigurationError as error:
                raise CorpusError(f"{path / CORPUS}: call {call.id!r}: {error}") from error
        return group

    @classmethod
    def load_template(cls, path: Path) -> Self:
        """Return the group of a folder without its corpus: a template for ``gsim group build``.

        Raises:
            CorpusError: if a file is missing or malformed.
        """
        return cls(
            path=path,
            config=load_toml_model(GroupConfig, path / CONFIG),
            taxonomy=Taxonomy.load(path / TAXONOMY),
            calls=(),
            prompts=_read_prompts(path / "prompts"),
        )

    def check_profile(self, profile: CustomerProfile) -> None:
        """Check that the group defines the archetype and the concerns of a profile.

        Raises:
            ConfigurationError: if it does not.
        """
        if profile.archetype not in self.config.archetypes:
            raise unknown_name_error("archetype", profile.archetype, self.config.archetypes)
        for concern in profile.concerns:
            if concern not in self.taxonomy.concerns:
                raise unknown_name_error("concern", concern, self.taxonomy.concerns)

    def check_call(self, call: RecordedCall) -> None:
        """Check that the group defines the profile's names and the stages and concerns of a call.

        Raises:
            ConfigurationError: if it does not, or if a turn has no stage.
        """
        self.check_profile(call.profile)
        for turn in call.turns:
            self.taxonomy.check(turn.role, turn.stage or "", turn.concern)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the files that determine behavior: the group's version in results."""
        files = [self.path / name for name in (CONFIG, TAXONOMY, CORPUS)]
        files += sorted((self.path / "prompts").glob("*.txt"))

        digest = hashlib.sha256()
        for file in files:
            if file.is_file():  # a template has no corpus
                digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
        return digest.hexdigest()

    @cached_property
    def profile_generator(self) -> CorpusProfileGenerator:
        """The sampler of P(p | constraints), estimated from this group's corpus."""
        return CorpusProfileGenerator([call.profile for call in self.calls], self.config.archetypes)

    @cached_property
    def personal_terms(self) -> PersonalTerms:
        """The words and names that are specific to single customers of this group."""
        return PersonalTerms(self.calls)


def read_recorded_calls(path: Path) -> tuple[RecordedCall, ...]:
    """Return the recorded calls of a ``corpus.jsonl`` file.

    Raises:
        CorpusError: if a row is malformed or an id is repeated; names the file, the line and the
            reason.
    """
    try:
        # Lines of bytes: JSON strings may hold other line separators, such as U+2028.
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise CorpusError(f"{path}: {error}") from error

    calls: dict[str, RecordedCall] = {}
    for number, line in enumerate(lines, start=1):
        try:
            call = RecordedCall.model_validate_json(line)
        except ValidationError as error:
            raise CorpusError(f"{path}, line {number}: {error}") from error
        if call.id in calls:
            raise CorpusError(f"{path}, line {number}: duplicate id {call.id!r}")
        calls[call.id] = call
    return tuple(calls.values())


def _read_prompts(folder: Path) -> dict[str, Template]:
    """Return a group's prompt templates, by name.

    ``string.Template`` substitutes in one pass, so inserted text is never a template itself.

    Raises:
        CorpusError: if a prompt is missing or has a placeholder that the simulator does not fill.
    """
    return {
        name: read_prompt_template(folder / f"{name}.txt", fields)
        for name, fields in PROMPTS.items()
    }


def read_prompt_template(file: Path, fields: Collection[str]) -> Template:
    """Return the prompt template of a text file, with its placeholders checked.

    Args:
        file: The file.
        fields: The legal placeholders.

    Raises:
        CorpusError: if the file is missing or has another placeholder.
    """
    try:
        template = Template(file.read_text(encoding="utf-8").strip())
    except OSError as error:
        raise CorpusError(f"{file}: {error}") from error

    illegal = set(template.get_identifiers()) - set(fields)
    if illegal or not template.is_valid():
        raise CorpusError(
            f"{file}: placeholders must be among {', '.join(fields)}; found {sorted(illegal)}"
        )
    return template


def builtin_group_folders() -> dict[str, Path]:
    """Return the folders of the built-in customer groups, by name."""
    templates = builtin_template_folders()
    return {name: folder for name, folder in templates.items() if (folder / CORPUS).is_file()}


def builtin_template_folders() -> dict[str, Path]:
    """Return the folders of the built-in templates and groups, by name.

    A template is a group without a corpus; every group can serve as a template.
    """
    folders = sorted(BUILTIN.iterdir())
    return {folder.name: folder for folder in folders if (folder / CONFIG).is_file()}


def resolve_group_folder(group: str) -> Path:
    """Return the folder of a customer group, from a built-in name or a path.

    Raises:
        ConfigurationError: if there is no such group, or if it is a template.
    """
    builtin = builtin_group_folders()
    path = builtin.get(group, Path(group).expanduser())
    if path.is_dir():
        return path
    if group in builtin_template_folders():
        raise ConfigurationError(
            f"{group!r} is a template without a corpus. Build a group from your own dialogues and "
            f"name its folder: gsim group build --template {group} --from FILE --out DIR"
        )
    raise unknown_name_error("group (neither built in nor a folder)", group, builtin)


def resolve_template_folder(template: str) -> Path:
    """Return the folder of a template or customer group, from a built-in name or a path.

    Raises:
        ConfigurationError: if there is no such folder, or if it has no ``group.toml``.
    """
    builtin = builtin_template_folders()
    path = builtin.get(template, Path(template).expanduser())
    if not (path / CONFIG).is_file():
        raise unknown_name_error(
            "template (neither built in nor a folder with a group.toml)", template, builtin
        )
    return path


@lru_cache(maxsize=8)
def load_group(group: str) -> Group:
    """Return a customer group by name or path; each is read once per process.

    Raises:
        ConfigurationError: if there is no such group.
        CorpusError: if its files are malformed.
    """
    return Group.load(resolve_group_folder(group))
