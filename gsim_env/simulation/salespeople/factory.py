"""SalespersonFactory: creates one sales policy per call from plain settings."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from pydantic import ValidationError

from gsim_env.errors import ConfigurationError, unknown_name_error
from gsim_env.groups import Group, load_group
from gsim_env.models import ModelSpec, SamplingParams
from gsim_env.models.registry import (
    build_encoder,
    build_language_model,
    parse_model_spec,
    shared_cached_encoder,
)
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
    "scripted": "detects the stated concern and answers it from the group's script",
    "pitching": "repeats the script's pitch, whatever the customer says",
    "llm": "a language model",
    "outline": "repeats fitting utterances of accepted calls, or rewords them by a language model",
}
"""The policies and their descriptions."""

PolicySpec = ModelSpec
"""A policy's name, or its settings with the name under ``policy``."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Validated settings of a salesperson policy.

    Attributes:
        name: One of :data:`POLICIES`.
        model: The backend that words its utterances, if any.
        sampling: The sampling parameters of that backend.
    """

    name: str
    model: ModelSpec | None
    sampling: SamplingParams


class SalespersonFactory:
    """Factory of salespeople with the same policy settings: one new salesperson per call.

    Cheap to make: models are loaded when the first call needs them.

    Args:
        group_name: Name of a built-in group, or path of a bundle.
        policy: ``"scripted"``, ``"pitching"``, ``"outline"``, or settings: ``{"policy": "llm",
            "model": ...}``, ``{"policy": "outline", "model": ...}``, where the model is a backend
            (``gsim_env.models.registry``). A further key ``"sampling"`` holds the fields of
            :class:`~gsim_env.models.SamplingParams` that differ from the paper's.
        encoder: ``"minilm"`` (also for ``None``), ``"hashing"`` (needs no extra), a folder or a hub
            name.

    Raises:
        ConfigurationError: if an argument is not legal.
        CorpusError: if the group has no ``script.toml`` for ``scripted`` and ``pitching``, or a
            malformed one.
    """

    def __init__(
        self, group_name: str, policy: PolicySpec = "scripted", encoder: str | None = None
    ) -> None:
        """Check the arguments without loading anything heavy."""
        self.group_name = group_name
        self.policy = policy
        self.encoder = encoder
        self.group: Group = load_group(group_name)
        self._settings = parse_policy(policy)

        if self.name in ("scripted", "pitching"):
            shared_script(self.group)
        elif self.name == "outline" and not accepted_calls(self.group):
            raise ConfigurationError(
                f"The salesperson 'outline' needs accepted calls, and the group {group_name!r} has "
                "none. Use another policy, or a group with accepted calls."
            )
        if self._settings.model is not None:
            sales_prompts(self.group)

    @property
    def name(self) -> str:
        """The salesperson policy's name."""
        return self._settings.name

    def new_call(self, brief: str, rng: np.random.Generator) -> Salesperson:
        """Return a new salesperson for one call.

        Pass its utterances to ``drivers.drive``, with :attr:`services`.

        Args:
            brief: The call brief, as ``reset`` returns it.
            rng: The source of every random draw, the models' sampling seeds too: equal seeds give
                equal salespeople.
        """
        settings = self._settings
        if settings.name == "pitching":
            return PitchingSalesperson(shared_script(self.group))

        model = None
        if settings.model is not None:
            model = LLMSalesperson(self.group, brief, rng, settings.sampling)
        if settings.name == "llm":
            assert model is not None, "parse_policy requires a model"
            return model

        classifier = shared_concern_classifier(self.group, self._encoder_name)
        if settings.name == "scripted":
            return ListeningSalesperson(shared_script(self.group), classifier)
        library, outline = shared_scripts(self.group, self._encoder_name)
        return OutlineSalesperson(library, outline, classifier, self.group.taxonomy, rng, model)

    @cached_property
    def services(self) -> Services:
        """The models and encoder that answer the salespeople's requests.

        Backends of equal settings are shared within the process.
        """
        model = self._settings.model
        models = {} if model is None else {"sales": build_language_model(model)}
        return Services(
            models,
            shared_cached_encoder(self._encoder_name),
            run_inline=self._encoder_name == "hashing",
        )

    @property
    def _encoder_name(self) -> str:
        return self.encoder or "minilm"


def parse_policy(spec: PolicySpec) -> Policy:
    """Return a salesperson policy's settings, validated.

    Args:
        spec: As :class:`SalespersonFactory` takes it.

    Raises:
        ConfigurationError: if the name or a setting is unknown, or the model is missing or not one
            that can sell.
    """
    settings: dict[str, Any] = {"policy": spec} if isinstance(spec, str) else dict(spec)
    name = settings.pop("policy", None)
    if name not in POLICIES:
        raise unknown_name_error("salesperson", name, POLICIES)

    legal = ("policy", "model", "sampling") if name in ("llm", "outline") else ("policy",)
    for setting in settings:
        if setting not in legal:
            raise ConfigurationError(
                f"The salesperson {name!r} has no setting {setting!r}. "
                f"Its settings: {', '.join(legal)}."
            )

    model: ModelSpec | None = settings.get("model")
    if name == "llm" and (model is None or parse_model_spec(model)[0] == "scripted"):
        raise ConfigurationError(
            f"The salesperson 'llm' needs a language model, got {model!r}: give {{'policy': 'llm', "
            "'model': {'backend': 'openai', 'model': ..., 'base_url': ...}}, or another backend."
        )
    if model is not None:
        parse_model_spec(model)

    try:
        sampling = SamplingParams.model_validate(
            SAMPLING.model_dump() | settings.get("sampling", {})
        )
    except (ValidationError, TypeError) as error:
        raise ConfigurationError(f"The sampling of the salesperson {name!r}: {error}") from error
    return Policy(name, model, sampling)


@lru_cache(maxsize=8)
def shared_script(group: Group) -> SalesScript:
    """Return the scripted salesperson's lines of a group, loaded once per process."""
    return SalesScript.load(group)


@lru_cache(maxsize=8)
def shared_concern_classifier(group: Group, encoder: str) -> LinearProbe:
    """Return a group's classifier of customer concerns, fitted once per process."""
    return concern_classifier(group, build_encoder(encoder))


@lru_cache(maxsize=8)
def shared_scripts(group: Group, encoder: str) -> tuple[ScriptLibrary, Outline]:
    """Return a group's sales script library and stage outline, built once per process."""
    return ScriptLibrary(group, build_encoder(encoder)), Outline(accepted_calls(group))
