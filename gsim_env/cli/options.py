"""The options that several commands share, and how the ones that name a backend are read."""

import json
from typing import Annotated

import typer

from gsim_env.errors import ConfigurationError
from gsim_env.models import ModelSpec

__all__ = [
    "CustomerOption",
    "EncoderOption",
    "GroupArgument",
    "GroupOption",
    "JsonOption",
    "SeedOption",
    "model_spec",
]

GROUP_HELP = "A built-in group, or the folder of your own."

GroupOption = Annotated[str, typer.Option("--group", help=GROUP_HELP)]
GroupArgument = Annotated[str, typer.Argument(metavar="[GROUP]", help=GROUP_HELP)]
CustomerOption = Annotated[
    str,
    typer.Option(
        "--customer",
        metavar="NAME|JSON",
        help="Backend that words the customer: embedded, scripted, or settings such as "
        '\'{"backend": "openai", "model": "...", "base_url": "..."}\'.',
    ),
]
EncoderOption = Annotated[
    str,
    typer.Option("--encoder", help="Sentence encoder: minilm, hashing, a folder or a hub name."),
]
SeedOption = Annotated[
    int,
    typer.Option("--seed", min=0, help="Seeds every random draw: the same seed, the same call."),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON object instead, and nothing else.")
]


def model_spec(text: str, option: str = "--customer") -> ModelSpec:
    """Return the specification of a backend from the command line.

    A name, or its settings as a JSON object.

    Raises:
        ConfigurationError: if it looks like JSON and is not.
    """
    if not text.lstrip().startswith("{"):
        return text
    try:
        settings: dict[str, object] = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"{option} {text!r} is not JSON: {error}") from error
    return settings
