"""A configured salesperson.

Who calls, built from plain data on first use; one policy begins for each call.
"""

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from pydantic import ValidationError

from gsim_env.errors import ConfigurationError, unknown
from gsim_env.groups import Group, load_group
from gsim_env.models import ModelSpec, Sampling
from gsim_env.models.registry import build_encoder, build_model, parse_model, shared_encoder
from gsim_env.simulation.drivers import Services
from gsim_env.simulation.salespeople.concern_classifier import concern_classifier
from gsim_env.simulation.salespeople.llm import SAMPLING, LLMSalesperson, sales_prompts
from gsim_env.simulation.salespeople.outline import Outline, OutlineSalesperson
from gsim_env.simulation.salespeople.protocol import Salesperson
from gsim_env.simulation.salespeople.script_library import ScriptLibrary, accepted_calls
from gsim_env.simulation.salespeople.scripted import (
    ListeningSalesperson,
    PitchingSalesperson,
    SalesScript,
)
from gsim_env.sop.probe import LinearProbe

__all__ = ["POLICIES", "Policy", "PolicySpec", "SalespersonFactory", "parse_policy"]

POLICIES = {
    "scripted": "hears the stated concern and answers it from the group's script",
    "pitching": "repeats the script's pitch, whatever the customer says",
    "llm": "a language model",
    "outline": "says what fits of the accepted calls, or has a language model word it",
}
"""Each policy, and what it does."""

PolicySpec = ModelSpec
"""A policy's name, or its settings with the name under ``policy``."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The settings of a policy.

    Its name, the backend that words what it says, if any, and how that draws its words.
    """

    name: str
    model: ModelSpec | None
    sampling: Sampling


@dataclass(frozen=True, eq=False)
class SalespersonFactory:
    """Salespeople of one configuration.

    Cheap to make: models are loaded when the first call needs them.

    Args:
        group_name: Name of a built-in group, or path of a bundle.
        policy: ``"scripted"``, ``"pitching"``, ``"outline"``, or settings: ``{"policy": "llm",
            "model": ...}``, ``{"policy": "outline", "model": ...}``, where the model is a backend
            (``gsim_env.models.registry``); beside it ``"sampling"``, the fields of
            :class:`~gsim_env.models.Sampling` that are to differ from the paper's.
        encoder: ``"minilm"`` (``None`` too), ``"hashing"`` (the core by itself), a folder or a hub
            name.

    Raises:
        ConfigurationError: if an argument is not legal.
        CorpusError: if the group has no ``script.toml`` for ``scripted`` and ``pitching``, or a
            malformed one.
    """

    group_name: str
    policy: PolicySpec = "scripted"
    encoder: str | None = None
    group: Group = field(init=False)

    def __post_init__(self) -> None:
        """Check what can be checked without loading anything heavy."""
        object.__setattr__(self, "group", load_group(self.group_name))
        if self.name in ("scripted", "pitching"):
            shared_script(self.group)
        elif self.name == "outline" and not accepted_calls(self.group):
            raise ConfigurationError(
                f"The salesperson 'outline' says what won calls, and of the group {self.group_name!r} none was accepted. "
                "Give another policy, or a group with accepted calls."
            )
        if parse_policy(self.policy).model is not None:
            sales_prompts(self.group)

    @property
    def name(self) -> str:
        """The policy's name."""
        return parse_policy(self.policy).name

    def new_call(self, brief: str, rng: np.random.Generator) -> Salesperson:
        """Return a salesperson for one call.

        Give what it says to ``drivers.drive``, with :attr:`services`.

        Args:
            brief: The call brief, as ``reset`` returns it.
            rng: The source of every random draw, the models' sampling seeds too: the same seed, the
                same salesperson.
        """
        policy = parse_policy(self.policy)
        if policy.name == "pitching":
            return PitchingSalesperson(shared_script(self.group))
        voice = (
            None
            if policy.model is None
            else LLMSalesperson(self.group, brief, rng, policy.sampling)
        )
        if policy.name == "llm":
            assert voice is not None, "it has a model"
            return voice
        ear = shared_concern_classifier(self.group, self._encoder_name)
        if policy.name == "scripted":
            return ListeningSalesperson(shared_script(self.group), ear)
        library, outline = shared_scripts(self.group, self._encoder_name)
        return OutlineSalesperson(library, outline, ear, self.group.taxonomy, rng, voice)

    @cached_property
    def services(self) -> Services:
        """What answers a salesperson's requests.

        Backends of equal settings are shared within the process.
        """
        model = parse_policy(self.policy).model
        models = {} if model is None else {"sales": build_model(model)}
        return Services(
            models, shared_encoder(self._encoder_name), run_inline=self._encoder_name == "hashing"
        )

    @property
    def _encoder_name(self) -> str:
        return self.encoder or "minilm"


def parse_policy(spec: PolicySpec) -> Policy:
    """Return the checked settings of a policy.

    Args:
        spec: As :class:`SalespersonFactory` takes it.

    Raises:
        ConfigurationError: if the name or a setting is unknown, or the model is missing or not one
            that can sell.
    """
    settings: dict[str, Any] = {"policy": spec} if isinstance(spec, str) else dict(spec)
    name = settings.pop("policy", None)
    if name not in POLICIES:
        raise unknown("salesperson", name, POLICIES)
    legal = ("policy", "model", "sampling") if name in ("llm", "outline") else ("policy",)
    for setting in settings:
        if setting not in legal:
            raise ConfigurationError(
                f"The salesperson {name!r} has no setting {setting!r}. Its settings: {', '.join(legal)}."
            )
    model: ModelSpec | None = settings.get("model")
    if name == "llm" and (model is None or parse_model(model)[0] == "scripted"):
        raise ConfigurationError(
            f"The salesperson 'llm' needs a language model, got {model!r}: give "
            "{'policy': 'llm', 'model': {'backend': 'openai', 'model': ..., 'base_url': ...}}, or another backend."
        )
    if model is not None:
        parse_model(model)
    try:
        sampling = Sampling.model_validate(SAMPLING.model_dump() | settings.get("sampling", {}))
    except (ValidationError, TypeError) as error:
        raise ConfigurationError(f"The sampling of the salesperson {name!r}: {error}") from error
    return Policy(name, model, sampling)


@lru_cache(maxsize=8)
def shared_script(group: Group) -> SalesScript:
    """Return the script of a group, shared within the process."""
    return SalesScript.load(group)


@lru_cache(maxsize=8)
def shared_concern_classifier(group: Group, encoder: str) -> LinearProbe:
    """Return what hears a group's concerns, shared within the process."""
    return concern_classifier(group, build_encoder(encoder))


@lru_cache(maxsize=8)
def shared_scripts(group: Group, encoder: str) -> tuple[ScriptLibrary, Outline]:
    """Return the script library of a group and its outline, shared within the process."""
    return ScriptLibrary(group, build_encoder(encoder)), Outline(accepted_calls(group))
