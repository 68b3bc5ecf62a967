"""Options that several commands share, and the formats of options that name a backend."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import RootModel

from gsim_env.errors import ConfigurationError
from gsim_env.models import ModelSpec
from gsim_env.models.registry import BACKENDS
from gsim_env.simulation.salespeople import PolicySpec
from gsim_env.util.files import load_toml_model

__all__ = [
    "SPEC_METAVAR",
    "CustomerOption",
    "EncoderOption",
    "GroupArgument",
    "GroupOption",
    "JsonOption",
    "SeedOption",
    "parse_model_option",
    "parse_salesperson_option",
]

GROUP_HELP = "A built-in group, or the folder of a custom group."
SPEC_METAVAR = "NAME|BACKEND:MODEL|@FILE|JSON"

GroupOption = Annotated[str, typer.Option("--group", help=GROUP_HELP)]
GroupArgument = Annotated[str, typer.Argument(metavar="[GROUP]", help=GROUP_HELP)]
CustomerOption = Annotated[
    str,
    typer.Option(
        "--customer",
        metavar=SPEC_METAVAR,
        help="Backend of the customer: embedded, scripted, openai:MODEL, a TOML file of settings "
        '(@openai.toml), or JSON (\'{"backend": "openai", "model": "...", "base_url": "..."}\').',
    ),
]
EncoderOption = Annotated[
    str,
    typer.Option("--encoder", help="Sentence encoder: minilm, hashing, a folder or a hub name."),
]
SeedOption = Annotated[
    int,
    typer.Option("--seed", min=0, help="Seed of all random draws: equal seeds give equal calls."),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON object instead of text and tables.")
]


def parse_model_option(text: str, option: str = "--customer") -> ModelSpec:
    """Return the language-model specification that a command-line option gives.

    Args:
        text: A name (``embedded``), ``BACKEND:MODEL`` (``openai:gpt-4o``), ``@FILE`` with the
            settings as TOML, or the settings as a JSON object.
        option: The option, for error messages.

    Raises:
        ConfigurationError: if the JSON or the file is malformed.
    """
    backend, _, model = text.partition(":")
    if backend in BACKENDS and model:
        return {"backend": backend, "model": model}
    return _read_settings(text, option)


def parse_salesperson_option(text: str, option: str = "--salesperson") -> PolicySpec:
    """Return the salesperson specification that a command-line option gives.

    Args:
        text: As for :func:`parse_model_option`, with the name of a policy; ``BACKEND:MODEL`` is the
            policy ``llm`` with that model.
        option: The option, for error messages.

    Raises:
        ConfigurationError: if the JSON or the file is malformed.
    """
    backend, _, model = text.partition(":")
    if backend in BACKENDS and model:
        return {"policy": "llm", "model": {"backend": backend, "model": model}}
    return _read_settings(text, option)


def _read_settings(text: str, option: str) -> str | dict[str, Any]:
    """Return a name as it is, and the settings of a JSON object or a TOML file."""
    if text.startswith("@"):
        settings = load_toml_model(RootModel[dict[str, Any]], Path(text[1:]), ConfigurationError)
        return settings.root
    if not text.lstrip().startswith("{"):
        return text

    try:
        parsed: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"{option} {text!r} is not JSON: {error}") from error
    return parsed
