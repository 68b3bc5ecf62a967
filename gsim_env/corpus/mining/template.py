"""Writing what was mined as a template.

A folder for a person to edit, and for ``gsim group build`` to build on.
"""

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from string import Template

from gsim_env.corpus.mapping import FieldMapping
from gsim_env.corpus.masking import mask_dialogue
from gsim_env.corpus.mining.mine import Mined, mine
from gsim_env.corpus.readers import CorpusReader, guess_mapping
from gsim_env.errors import ConfigurationError
from gsim_env.groups import Group
from gsim_env.groups.bundle import PROMPTS
from gsim_env.models import ModelSpec
from gsim_env.models.registry import build_encoder, build_model

__all__ = ["BRIEF", "mine_template", "write_template"]

SKELETON = Path(__file__).parent / "template"
FILES = ("taxonomy.toml", "group.toml", "script.toml", *(f"prompts/{name}.txt" for name in PROMPTS))

BRIEF = (
    "<You are a salesperson of ..., and call ... Win them for ... You may offer: ... Say what you would say on the phone; "
    "the customer hears one utterance a turn.>"
)
"""What stands in for a brief until somebody writes it."""

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
) -> tuple[Group, Mined]:
    """Read a file of dialogues, mask personal data, mine a taxonomy, and write it as a template.

    Args:
        source: The raw dialogues: JSONL, JSON or CSV.
        out: The folder that becomes the template.
        name: The group's, as an identifier.
        brief: What the salesperson knows beforehand.
        mapping: Where in a row things are: a built-in mapping or a YAML file; ``None`` to guess
            from the file.
        encoder: phi.
        stages: How many a side.
        concerns: How many at most.
        model: A back end that gives kinds, names and definitions; ``None`` to guess them.
        seed: Of the sample and the clustering.
        on_error: ``"raise"``, or ``"skip"`` malformed rows.

    Raises:
        ConfigurationError: if an argument is not legal, or ``out`` holds such files already.
        CorpusError: if the file cannot be read, or holds too few different sentences.
        SimulatorError: if the model fails.
    """
    out = Path(out).expanduser()
    check_free(out, name)  # before minutes are spent
    reader = CorpusReader(
        source, FieldMapping.load(mapping) if mapping else guess_mapping(source), on_error
    )
    mined = mine(
        (mask_dialogue(dialogue)[0] for dialogue in reader),
        build_encoder(encoder),
        stages=stages,
        concerns=concerns,
        model=build_model(model) if model is not None else None,
        seed=seed,
    )
    return write_template(mined, out, name=name, brief=brief), mined


def write_template(mined: Mined, out: str | Path, *, name: str, brief: str = BRIEF) -> Group:
    """Write ``taxonomy.toml``, ``group.toml``, ``script.toml`` and ``prompts/``.

    Return the template, read back.

    Raises:
        ConfigurationError: if the name is no identifier, or ``out`` holds one of these files:
            nothing is overwritten.
    """
    out = Path(out).expanduser()
    check_free(out, name)
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


def check_free(out: Path, name: str) -> None:
    """Raise a ConfigurationError if ``name`` is no identifier, or a file to be written is there already."""
    if not NAME.fullmatch(name):
        raise ConfigurationError(
            f"The name must be a lower-case identifier of at most 40 characters, such as 'gym_members', got {name!r}."
        )
    there = [file for file in FILES if (out / file).exists()]
    if there:
        raise ConfigurationError(
            f"{out} holds {', '.join(there)} already, and what you have edited is not overwritten. Give another --out, or "
            "delete the folder."
        )


def quoted(text: str) -> str:
    """Return ``text`` as a basic string of TOML.

    JSON's escapes are TOML's, but for DEL; half characters become ``?``.
    """
    text = text.encode("utf-8", "replace").decode("utf-8")
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    return name if BARE_KEY.fullmatch(name) else quoted(name)


def _list(texts: Sequence[str]) -> str:
    return "[\n" + "".join(f"    {quoted(text)},\n" for text in texts) + "]"


def _taxonomy(mined: Mined) -> str:
    head = Template((SKELETON / "taxonomy.toml").read_text(encoding="utf-8")).substitute(
        calls=mined.calls
    )
    lines = [head.rstrip()]
    for section, entries in mined.taxonomy.model_dump(mode="json", exclude={"version"}).items():
        for name, entry in entries.items():
            lines += ["", f"[{section}.{_key(name)}]", f"# {mined.notes[f'{section}.{name}']}"]
            for field in ("kind", "definition", "examples", "raised", "answers"):
                if value := entry.get(field):
                    lines.append(
                        f"{field} = {quoted(value) if isinstance(value, str) else _list(value)}"
                    )
    return "\n".join(lines) + "\n"


def _script(mined: Mined) -> str:
    lines = [(SKELETON / "script.toml").read_text(encoding="utf-8").rstrip()]
    lines += [f"{part} = {_list(said)}" for part, said in mined.script.items()]
    lines += ["", "[answers]"]
    lines += [
        f"{_key(name)} = {_list(concern.answers)}"
        for name, concern in mined.taxonomy.concerns.items()
    ]
    return "\n".join(lines) + "\n"
