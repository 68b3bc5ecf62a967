"""Simulator: group, Manager and services of one configuration, built on first use."""

from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from gsim_env.errors import ConfigurationError, unknown_name_error
from gsim_env.groups import Group, load_group
from gsim_env.models import ModelSpec
from gsim_env.models.registry import (
    build_encoder,
    build_language_model,
    parse_model_spec,
    shared_cached_encoder,
)
from gsim_env.profiles import CustomerProfile, ProfileConstraints
from gsim_env.simulation.chain_manager import ChainManager
from gsim_env.simulation.config import SimulatorConfig
from gsim_env.simulation.conversation import ConversationFlow, conversation
from gsim_env.simulation.drivers import Services, drive
from gsim_env.simulation.llm_manager import LLMManager
from gsim_env.simulation.llm_profiles import LLMProfileGenerator
from gsim_env.simulation.manager import Manager
from gsim_env.simulation.sales_classifier import SalesMoveClassifier
from gsim_env.sop.index import index_calls
from gsim_env.sop.library import Indexed, MemoryLibrary, SopLibrary

__all__ = ["Simulator"]

MEMORY_CALLS = 20_000
"""Corpora of up to this many calls are searched in memory by default (exact, no database)."""


class Simulator:
    """Simulator of customers in sales calls: draws profiles and starts conversations.

    Cheap to make: models are loaded when the first call needs them.

    Args:
        config: The settings.

    Raises:
        ConfigurationError: if there is no such group.
        CorpusError: if the group is malformed.
    """

    def __init__(self, config: SimulatorConfig) -> None:
        """Load the group; models are loaded later."""
        self.config = config
        self.group: Group = load_group(config.group)

    async def draw_profile(
        self, rng: np.random.Generator, options: Mapping[str, Any]
    ) -> CustomerProfile:
        """Draw the customer profile of the next call (Algorithm 1, line 2).

        Args:
            rng: The source of random draws.
            options: ``profile`` (a whole :class:`CustomerProfile`, or its fields), or the fields of
                :class:`ProfileConstraints` (``archetype``, ``concerns``, ``ranges``,
                ``must_contain``, ``must_not_contain``).

        Raises:
            ConfigurationError: if an option is unknown, malformed, or cannot be satisfied.
            SimulatorError: if a backend that writes profiles fails, or writes none that meets the
                constraints.
        """
        legal = ("profile", *ProfileConstraints.model_fields)
        for name in options:
            if name not in legal:
                raise unknown_name_error("reset option", name, legal)

        if options.get("profile") is not None:
            return self._given_profile(options)
        constraints = self._constraints(options)

        if self.config.profiles == "corpus":
            return self.group.profile_generator.sample(rng, constraints)
        return await drive(LLMProfileGenerator(self.group).sample(rng, constraints), self.services)

    def _given_profile(self, options: Mapping[str, Any]) -> CustomerProfile:
        """Return the complete profile in the reset options."""
        if len(options) > 1:
            raise ConfigurationError(
                "The reset option 'profile' fixes the whole customer: give no other option."
            )
        try:
            profile = CustomerProfile.model_validate(options["profile"])
            self.group.check_profile(profile)
        except ValueError as error:
            raise ConfigurationError(f"Reset option 'profile': {error}") from error

        return profile

    def _constraints(self, options: Mapping[str, Any]) -> ProfileConstraints:
        """Return the constraints on the profile in the reset options."""
        try:
            constraints = ProfileConstraints.model_validate(dict(options))
        except ValueError as error:
            raise ConfigurationError(f"Reset options {sorted(options)}: {error}") from error

        for concern in constraints.concerns:
            if concern not in self.group.taxonomy.concerns:
                raise unknown_name_error("concern", concern, self.group.taxonomy.concerns)
        if (
            constraints.archetype is not None
            and constraints.archetype not in self.group.config.archetypes
        ):
            raise unknown_name_error(
                "archetype", constraints.archetype, self.group.config.archetypes
            )
        return constraints

    def brief(self, profile: CustomerProfile) -> str:
        """Return the salesperson's call brief: the group's brief and the customer's listing."""
        return f"{self.group.config.brief.strip()}\n\nYou are calling: {profile.listing}"

    def start(self, profile: CustomerProfile, rng: np.random.Generator) -> ConversationFlow:
        """Start a conversation with a customer; give it and :attr:`services` to a driver."""
        config = self.config
        return conversation(
            self.group,
            profile,
            self._manager,
            rng,
            config.k,
            config.max_turns,
            guided=config.guidance,
        )

    @cached_property
    def services(self) -> Services:
        """The language models, encoder and chain library that the simulator's calls share.

        Backends of equal settings are shared within the process.
        """
        config = self.config
        models = {"customer": build_language_model(self._customer_spec)}
        if config.manager != "chain":
            models["manager"] = build_language_model(config.manager)
        if config.profiles != "corpus":
            models["profile"] = build_language_model(config.profiles)

        encoder = config.encoder_name
        library = shared_library(self.group, encoder, self._library_name)
        run_inline = encoder == "hashing" and self._library_name == "memory"
        return Services(models, shared_cached_encoder(encoder), library, run_inline=run_inline)

    @cached_property
    def _manager(self) -> Manager:
        if self.config.manager != "chain":
            return LLMManager(self.group)
        return ChainManager(
            self.group, shared_sales_classifier(self.group, self.config.encoder_name)
        )

    @property
    def _library_name(self) -> str:
        return self.config.library or (
            "memory" if len(self.group.calls) <= MEMORY_CALLS else "milvus"
        )

    @property
    def _customer_spec(self) -> ModelSpec:
        """The customer's settings.

        The embedded base model gets the group's own adapter unless a model is named.
        """
        name, config = parse_model_spec(self.config.customer)
        settings = {"backend": name, **config.model_dump()}

        adapter = self.group.path / "adapter"
        names_weights = (
            name != "embedded" or settings["model"] is not None or settings["adapter"] is not None
        )
        if adapter.is_dir() and not names_weights:
            settings["adapter"] = str(adapter)
        return settings


@lru_cache(maxsize=8)
def shared_library(group: Group, encoder: str, library: str) -> SopLibrary:
    """Return a group's library of behavior chains (M_SOP), built once per process."""
    indexed: Indexed = index_calls(group.calls, build_encoder(encoder))
    if library == "memory":
        return MemoryLibrary(indexed)
    from gsim_env.sop.milvus import MilvusLibrary, library_key

    key = library_key(group.digest, build_encoder(encoder).name)
    return MilvusLibrary.open(indexed, key, None if library == "milvus" else library)


@lru_cache(maxsize=8)
def shared_sales_classifier(group: Group, encoder: str) -> SalesMoveClassifier:
    """Return a group's classifier of sales utterances, fitted once per process."""
    return SalesMoveClassifier(group, build_encoder(encoder))
