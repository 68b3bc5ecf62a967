"""What is compared (section 4).

Ways to simulate a customer, which share everything but what their configuration names.
"""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from gsim_env.errors import ConfigurationError, unknown
from gsim_env.evaluation.records import HUMAN
from gsim_env.models.registry import parse_model

__all__ = ["METHODS", "PAPER", "Method", "known_methods"]


class Method(BaseModel):
    """A way to simulate a customer.

    Attributes:
        customer: The backend that words it: a name or settings (see ``gsim_env.models.registry``).
        guidance: Whether it is told the Manager's guidance, which is the dynamic SOP.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    customer: str | dict[str, Any]
    guidance: bool

    @property
    def settings(self) -> dict[str, Any]:
        """What results record: the settings, without any key."""
        name, config = parse_model(self.customer)
        kept = {key: value for key, value in config.model_dump().items() if key != "api_key"}
        return {"backend": name, **kept, "guidance": self.guidance}


PAPER = ("prompt_only", "userlm", "usp", "without_rl", "without_sop", "full")
"""The methods of tables 1 and 2, as they are named here."""

METHODS = {
    "prompt_only": Method(customer={"backend": "embedded", "model": "base"}, guidance=False),
    "without_sop": Method(customer="embedded", guidance=False),
    "full": Method(customer="embedded", guidance=True),
    "scripted": Method(customer="scripted", guidance=True),
}
"""Methods that need no more weights than come along: the base model, and that with the group's
adapter. ``scripted`` says what people said, and is no method of the paper."""


def known_methods(names: Sequence[str], file: Path | None) -> dict[str, Method]:
    """Return methods by name: those of a file, and the built-in ones.

    Args:
        names: Which, in the order in which they are to be shown.
        file: TOML, a table a method: ``[userlm]``, ``customer = {backend = "embedded", adapter =
            "adapters/userlm"}``, ``guidance = false``. A method of a built-in one's name stands in
            its place.

    Raises:
        ConfigurationError: if the file is malformed, or a name is unknown, stands twice, or is
            ``"human"``.
    """
    known: Mapping[str, Method] = {**METHODS, **(read_methods(file) if file else {})}
    for name in names:
        if name not in known and name in PAPER:
            raise ConfigurationError(
                f"The method {name!r} needs weights that do not come along. Train them (recipes/) and name them in a methods "
                f'file: [{name}] customer = {{backend = "embedded", adapter = "DIR"}} and guidance = true or false.'
            )
        if name not in known or name == HUMAN:
            raise unknown("method", name, known)
    if not names or len(set(names)) < len(names):
        raise ConfigurationError(
            f"Name each method once, and at least one; got {', '.join(names) or 'none'}."
        )
    return {name: known[name] for name in names}


def read_methods(file: Path) -> dict[str, Method]:
    """Read a methods file.

    Raises:
        ConfigurationError: naming the file, if it is malformed.
    """
    try:
        return {
            name: Method.model_validate(table)
            for name, table in tomllib.loads(file.read_text(encoding="utf-8")).items()
        }
    except (OSError, ValueError, ValidationError) as error:
        raise ConfigurationError(f"{file}: {error}") from error
