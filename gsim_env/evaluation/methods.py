"""Methods: the ways to simulate a customer that an evaluation compares (section 4)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, JsonValue, RootModel

from gsim_env.errors import ConfigurationError, unknown_name_error
from gsim_env.evaluation.records import HUMAN
from gsim_env.models import ModelSpec
from gsim_env.models.registry import parse_model_spec
from gsim_env.util.files import load_toml_model

__all__ = ["METHODS", "PAPER_METHODS", "SimulationMethod", "load_named_methods"]


class SimulationMethod(BaseModel):
    """A way to simulate a customer: the customer model, with or without the Manager's guidance.

    Attributes:
        customer: The customer's backend: a name or settings (``gsim_env.models.registry``).
        guidance: Whether the customer model is given the Manager's guidance (the dynamic SOP).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    customer: ModelSpec
    guidance: bool

    @property
    def settings(self) -> dict[str, JsonValue]:
        """The method's settings as results record them, without API keys."""
        name, config = parse_model_spec(self.customer)
        settings = config.model_dump()
        settings.pop("api_key", None)
        return {"backend": name, **settings, "guidance": self.guidance}


class _MethodsFile(RootModel[dict[str, SimulationMethod]]):
    """The contents of a methods file: a table for each method."""


PAPER_METHODS = ("prompt_only", "userlm", "usp", "without_rl", "without_sop", "full")
"""The methods of tables 1 and 2."""

METHODS = {
    "prompt_only": SimulationMethod(
        customer={"backend": "embedded", "model": "base"}, guidance=False
    ),
    "without_sop": SimulationMethod(customer="embedded", guidance=False),
    "full": SimulationMethod(customer="embedded", guidance=True),
    "scripted": SimulationMethod(customer="scripted", guidance=True),
}
"""The methods that need no further weights: the base model alone, or with the group's adapter.

``scripted`` repeats recorded utterances and is not a method of the paper.
"""


def load_named_methods(names: Sequence[str], file: Path | None) -> dict[str, SimulationMethod]:
    """Return simulation methods by name, from a methods file and the built-in ones.

    Args:
        names: The methods to return, in the order in which they are shown.
        file: TOML with a table for each method: ``[userlm]``, ``customer = {backend = "embedded",
            adapter = "adapters/userlm"}``, ``guidance = false``. A built-in name replaces the
            built-in method.

    Raises:
        ConfigurationError: if the file is malformed, or a name is unknown, repeated, or
            ``"human"``.
    """
    known: Mapping[str, SimulationMethod] = {
        **METHODS,
        **(_read_methods_file(file) if file else {}),
    }
    for name in names:
        if name not in known and name in PAPER_METHODS:
            raise ConfigurationError(
                f"The method {name!r} needs weights that the package does not include. Train them "
                f"and name them in a methods file: [{name}] customer = "
                '{backend = "embedded", adapter = "DIR"} and guidance = true or false.'
            )
        if name not in known or name == HUMAN:
            raise unknown_name_error("method", name, known)

    if not names or len(set(names)) < len(names):
        raise ConfigurationError(
            f"Name at least one method, and each only once; got {', '.join(names) or 'none'}."
        )
    return {name: known[name] for name in names}


def _read_methods_file(file: Path) -> dict[str, SimulationMethod]:
    """Return the methods of a TOML file, by name.

    Raises:
        ConfigurationError: if the file is missing or malformed; names the file.
    """
    return load_toml_model(_MethodsFile, file, error=ConfigurationError).root
