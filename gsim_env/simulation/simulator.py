"""A configured simulator: group, Manager and services, built from plain data on first use."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from gsim_env.errors import ConfigurationError, unknown
from gsim_env.groups import Group, load_group
from gsim_env.models.registry import build_encoder, build_model, parse_model, shared_encoder
from gsim_env.profiles import CustomerProfile, ProfileConstraints
from gsim_env.simulation.chain_manager import ChainManager
from gsim_env.simulation.conversation import Steps, conversation
from gsim_env.simulation.drivers import Services, answered
from gsim_env.simulation.llm_manager import LLMManager
from gsim_env.simulation.llm_profiles import LLMProfileGenerator
from gsim_env.simulation.manager import Manager
from gsim_env.simulation.reading import SalesReader
from gsim_env.sop.index import index_calls
from gsim_env.sop.library import Indexed, MemoryLibrary, SopLibrary

__all__ = ["Simulator"]

ModelSpec = str | Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Simulator:
    """Everything that calls of one configuration share. Cheap to make: models are loaded when the first call needs them.

    Args:
        group_name: Name of a built-in group, or path of a bundle.
        customer: Back end that words the customer: a name or settings (see ``gsim_env.models.registry``).
        manager: ``"chain"``, or a back end for the ``llm`` Manager.
        profiles: ``"corpus"`` (recorded customers, recombined), or a back end that writes profiles
            (:class:`~gsim_env.simulation.llm_profiles.LLMProfileGenerator`).
        encoder: ``"minilm"``, ``"hashing"``, a folder or a hub name; ``None`` for what suits the customer:
            ``"hashing"`` for ``"scripted"`` (the core by itself), else ``"minilm"``.
        library: ``"milvus"`` (Lite), a Milvus server's URI, or ``"memory"``; ``None`` likewise.
        k: Size of K_p (eq. 8), at least 1.
        max_turns: Exchanges after which a call is truncated, at least 1.
        guidance: Whether the customer model is told the Manager's guidance; without it there is no dynamic SOP (table 2).

    Raises:
        ConfigurationError: if an argument is not legal.
    """

    group_name: str
    customer: ModelSpec = "embedded"
    manager: ModelSpec = "chain"
    profiles: ModelSpec = "corpus"
    encoder: str | None = None
    library: str | None = None
    k: int = 10
    max_turns: int = 15
    guidance: bool = True
    group: Group = field(init=False)

    def __post_init__(self) -> None:
        """Check what can be checked without loading anything heavy."""
        object.__setattr__(self, "group", load_group(self.group_name))
        parse_model(self.customer)
        for name, own in (("manager", "chain"), ("profiles", "corpus")):
            if (spec := getattr(self, name)) != own:
                try:
                    parse_model(spec)
                except ConfigurationError as error:
                    raise ConfigurationError(f"{name} must be {own!r} or a back end. {error}") from error
        if self.library is not None and self.library not in ("memory", "milvus") and "://" not in self.library:
            raise unknown("library (nor a URI)", self.library, ("memory", "milvus"))
        if not self.guidance and self._core:
            raise ConfigurationError(
                "The scripted customer says what the guidance quotes: it needs guidance=True. Name a back end that finds words."
            )
        for name in ("k", "max_turns"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name} must be at least 1, got {getattr(self, name)}.")

    async def draw_profile(self, rng: np.random.Generator, options: Mapping[str, Any]) -> CustomerProfile:
        """Return the customer of the next call (Algorithm 1, line 2).

        Args:
            rng: The source of random draws.
            options: ``profile`` (a whole :class:`CustomerProfile`, or its fields), or the fields of
                :class:`ProfileConstraints` (``archetype``, ``concerns``, ``must_contain``, ``must_not_contain``).

        Raises:
            ConfigurationError: if an option is unknown, malformed, or cannot be satisfied.
            SimulatorError: if a back end that writes profiles fails, or writes none that meets the constraints.
        """
        wanted = self._wanted(options)
        if isinstance(wanted, CustomerProfile):
            return wanted
        if self.profiles == "corpus":
            return self.group.profile_generator.sample(rng, wanted)
        return await answered(LLMProfileGenerator(self.group).sample(rng, wanted), self.services)

    def _wanted(self, options: Mapping[str, Any]) -> CustomerProfile | ProfileConstraints:
        """Return what reset's options ask for: one customer, or constraints."""
        legal = ("profile", *ProfileConstraints.model_fields)
        for name in options:
            if name not in legal:
                raise unknown("reset option", name, legal)
        try:
            if (given := options.get("profile")) is not None:
                if len(options) > 1:
                    raise ConfigurationError(
                        "The reset option 'profile' fixes the whole customer: give no other option."
                    )
                profile = CustomerProfile.model_validate(given)
                self.group.check_profile(profile)
                return profile
            constraints = ProfileConstraints.model_validate(dict(options))
        except ValueError as error:
            if isinstance(error, ConfigurationError):
                raise
            raise ConfigurationError(f"Reset options {sorted(options)}: {error}") from error
        for concern in constraints.concerns:
            if concern not in self.group.taxonomy.concerns:
                raise unknown("concern", concern, self.group.taxonomy.concerns)
        if constraints.archetype is not None and constraints.archetype not in self.group.config.archetypes:
            raise unknown("archetype", constraints.archetype, self.group.config.archetypes)
        return constraints

    def brief(self, profile: CustomerProfile) -> str:
        """Return what the salesperson knows before the call: the group's brief and the customer's directory listing."""
        return f"{self.group.config.brief.strip()}\n\nYou are calling: {profile.listing}"

    def start(self, profile: CustomerProfile, rng: np.random.Generator) -> Steps:
        """Return a new conversation with ``profile``; give it and :attr:`services` to a driver."""
        return conversation(self.group, profile, self._manager, rng, self.k, self.max_turns, guided=self.guidance)

    @cached_property
    def services(self) -> Services:
        """What answers a conversation's requests; back ends of equal settings are shared within the process."""
        encoder = shared_encoder(self.encoder_name)
        models = {"customer": build_model(self._customer_spec)}
        if self.manager != "chain":
            models["manager"] = build_model(self.manager)
        if self.profiles != "corpus":
            models["profile"] = build_model(self.profiles)
        quick = self.encoder_name == "hashing" and self._library_name == "memory"
        return Services(models, encoder, shared_library(self.group, self.encoder_name, self._library_name), quick)

    @cached_property
    def _manager(self) -> Manager:
        if self.manager != "chain":
            return LLMManager(self.group)
        return ChainManager(self.group, shared_reader(self.group, self.encoder_name))

    @property
    def _core(self) -> bool:
        return parse_model(self.customer)[0] == "scripted"

    @property
    def encoder_name(self) -> str:
        """The encoder in use: ``encoder``, or what suits the customer."""
        return self.encoder or ("hashing" if self._core else "minilm")

    @property
    def _library_name(self) -> str:
        return self.library or ("memory" if self._core else "milvus")

    @property
    def _customer_spec(self) -> ModelSpec:
        """The customer's settings; the embedded base model is given the group's own adapter unless a model is named."""
        name, config = parse_model(self.customer)
        adapter = self.group.path / "adapter"
        settings = {"backend": name, **config.model_dump()}
        if name == "embedded" and settings["model"] is None and settings["adapter"] is None and adapter.is_dir():
            settings["adapter"] = str(adapter)
        return settings


@lru_cache(maxsize=8)
def shared_library(group: Group, encoder: str, library: str) -> SopLibrary:
    """Return M_SOP of a group, shared within the process by group, encoder and place."""
    indexed: Indexed = index_calls(group.calls, build_encoder(encoder))
    if library == "memory":
        return MemoryLibrary(indexed)
    from gsim_env.sop.milvus import MilvusLibrary, library_key

    key = library_key(group.digest, build_encoder(encoder).name)
    return MilvusLibrary.open(indexed, key, None if library == "milvus" else library)


@lru_cache(maxsize=8)
def shared_reader(group: Group, encoder: str) -> SalesReader:
    """Return the reader of sales moves of a group, shared within the process."""
    return SalesReader(group, build_encoder(encoder))
