"""Templates of mined taxonomies: a folder for a person to edit, and for ``gsim group build``."""

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from string import Template

from gsim_env.corpus.mapping import FieldMapping
from gsim_env.corpus.masking import mask_dialogue
from gsim_env.corpus.mining.mine import MinedTaxonomy, mine
from gsim_env.corpus.readers import CorpusReader, guess_mapping
from gsim_env.errors import ConfigurationError
from gsim_env.groups import Group
from gsim_env.groups.bundle import PROMPTS
from gsim_env.models import ModelSpec
from gsim_env.models.registry import build_encoder, build_language_model

__all__ = ["BRIEF", "mine_template", "write_template"]

SKELETON = Path(__file__).parent / "template"
FILES = ("taxonomy.toml", "group.toml", "script.toml", *(f"prompts/{name}.txt" for name in PROMPTS))

BRIEF = (
    "<You are a salesperson of ..., and call ... Win them for ... You may offer: ... Say what you "
    "would say on the phone; the customer hears one utterance a turn.>"
)
"""Placeholder of the brief, for a person to replace."""

NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def mine_template(
    source: str | Path,
    out: str | Path,
    *,
    name: str,
    brief: str = BRIEF,
    mapping: str | None = None,
    encoder: str = "minilm",
    stages: int = 9,
    concerns: int = 8,
    model: ModelSpec | None = None,
    seed: int = 0,
    on_error: str = "raise",
) -> tuple[Group, MinedTaxonomy]:
    """Read a file of dialogues, mask personal data, mine a taxonomy, and write it as a template.

    Args:
        source: The raw dialogues: JSONL, JSON or CSV.
        out: The folder that becomes the template.
        name: The name of the group: an identifier.
        brief: What the salesperson knows before a call.
        mapping: The field mapping: a built-in one or a YAML file; ``None`` guesses it.
        encoder: The sentence encoder phi.
        stages: Number of stages per side.
        concerns: Maximum number of concerns.
        model: The backend that chooses kinds, names and definitions; ``None`` estimates them.
        seed: Seed of the sample and the clustering.
        on_error: ``"raise"`` at malformed rows, or ``"skip"`` them.

    Returns:
        The template, read back, and what was mined.

    Raises:
        ConfigurationError: if an argument is not legal, or ``out`` holds a template already.
        CorpusError: if the file cannot be read, or has too few different sentences.
        SimulatorError: if the model fails.
    """
    out = Path(out).expanduser()
    check_writable(out, name)  # first: mining takes minutes

    field_mapping = FieldMapping.load(mapping) if mapping else guess_mapping(source)
    reader = CorpusReader(source, field_mapping, on_error)
    mined = mine(
        (mask_dialogue(dialogue)[0] for dialogue in reader),
        build_encoder(encoder),
        stages=stages,
        concerns=concerns,
        model=build_language_model(model) if model is not None else None,
        seed=seed,
    )
    return write_template(mined, out, name=name, brief=brief), mined


def write_template(
    mined: MinedTaxonomy, out: str | Path, *, name: str, brief: str = BRIEF
) -> Group:
    """Write ``taxonomy.toml``, ``group.toml``, ``script.toml`` and ``prompts/``.

    Returns:
        The template, read back.

    Raises:
        ConfigurationError: if the name is no identifier, or ``out`` holds one of these files:
            nothing is overwritten.
    """
    out = Path(out).expanduser()
    check_writable(out, name)

    (out / "prompts").mkdir(parents=True, exist_ok=True)
    group = Template((SKELETON / "group.toml").read_text(encoding="utf-8"))
    texts = {
        "taxonomy.toml": _taxonomy(mined),
        "group.toml": group.substitute(name=quoted(name), brief=quoted(brief)),
        "script.toml": _script(mined),
    }

    for file, text in texts.items():
        (out / file).write_text(text, encoding="utf-8")
    for file in PROMPTS:
        shutil.copyfile(SKELETON / "prompts" / f"{file}.txt", out / "prompts" / f"{file}.txt")
    return Group.load_template(out)


def check_writable(out: Path, name: str) -> None:
    """Check the name of a template, and that its folder holds none of its files.

    Raises:
        ConfigurationError: if the name is no identifier, or a file exists.
    """
    if not NAME.fullmatch(name):
        raise ConfigurationError(
            "The name must be a lower-case identifier of at most 40 characters, such as "
            f"'gym_members', got {name!r}."
        )

    existing = [file for file in FILES if (out / file).exists()]
    if existing:
        raise ConfigurationError(
            f"{out} holds {', '.join(existing)} already, and edited files are not overwritten. "
            "Give another --out, or delete the folder."
        )


def quoted(text: str) -> str:
    """Return a text as a basic string of TOML.

    JSON and TOML have the same escapes except for DEL. Lone surrogates become ``?``.
    """
    text = text.encode("utf-8", "replace").decode("utf-8")
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    return name if BARE_KEY.fullmatch(name) else quoted(name)


def _list(texts: Sequence[str]) -> str:
    return "[\n" + "".join(f"    {quoted(text)},\n" for text in texts) + "]"


def _taxonomy(mined: MinedTaxonomy) -> str:
    header = Template((SKELETON / "taxonomy.toml").read_text(encoding="utf-8"))
    sections = mined.taxonomy.model_dump(mode="json", exclude={"version"})

    lines = [header.substitute(calls=mined.calls).rstrip()]
    for section, entries in sections.items():
        for name, entry in entries.items():
            lines += ["", f"[{section}.{_key(name)}]", f"# {mined.notes[f'{section}.{name}']}"]
            for field in ("kind", "definition", "examples", "raised", "answers"):
                if value := entry.get(field):
                    text = quoted(value) if isinstance(value, str) else _list(value)
                    lines.append(f"{field} = {text}")
    return "\n".join(lines) + "\n"


def _script(mined: MinedTaxonomy) -> str:
    lines = [(SKELETON / "script.toml").read_text(encoding="utf-8").rstrip()]
    for part, script_lines in mined.script.items():
        lines.append(f"{part} = {_list(script_lines)}")

    lines += ["", "[answers]"]
    for name, concern in mined.taxonomy.concerns.items():
        lines.append(f"{_key(name)} = {_list(concern.answers)}")
    return "\n".join(lines) + "\n"
