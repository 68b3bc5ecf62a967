"""Settings of the simulated calls of an agent loop: the node ``gsim`` of a verl configuration."""

import json
from functools import lru_cache
from typing import Any

from omegaconf import DictConfig, OmegaConf
from pydantic import Field

from gsim_env.errors import ConfigurationError
from gsim_env.simulation.config import SimulatorConfig
from gsim_env.simulation.salespeople import PolicySpec, SalespersonFactory
from gsim_env.simulation.simulator import Simulator

__all__ = ["SimulatedCallSettings", "shared_salesperson_factory", "shared_simulator"]


class SimulatedCallSettings(SimulatorConfig):
    """Simulator and salesperson settings of the calls that an agent loop simulates.

    ``customer`` is the frozen customer of ``gsim_sales``, in process or on a server.
    ``gsim_customer`` trains the customer and ignores this field.

    Raises:
        ConfigurationError: if the node is missing or a field has an illegal value.
    """

    salesperson: PolicySpec = Field(
        default="scripted", description="gsim_customer: the frozen salesperson's policy"
    )
    turn_tokens: int = Field(
        default=96, ge=1, description="maximum tokens of one turn of the policy"
    )

    @classmethod
    def from_verl_config(cls, config: DictConfig) -> "SimulatedCallSettings":
        """Return the settings in the node ``gsim`` of a verl configuration."""
        node = config.get("gsim")
        if node is None:
            raise ConfigurationError(
                "The configuration has no node 'gsim'. Start from a recipe that has it: "
                "python -m gsim_recipes.train sales_grpo --cfg=job"
            )

        settings: Any = OmegaConf.to_container(node, resolve=True)
        try:
            return cls(**settings)
        except ConfigurationError as error:
            raise ConfigurationError(
                f"gsim: {error}\nLegal fields: {', '.join(cls.model_fields)}."
            ) from error


def shared_simulator(settings: SimulatedCallSettings) -> Simulator:
    """Return the simulator for ``settings``, cached with its models per process."""
    return _simulator(settings.model_dump_json())


def shared_salesperson_factory(settings: SimulatedCallSettings) -> SalespersonFactory:
    """Return the factory of frozen salespeople for ``settings``, cached per process."""
    return _salesperson_factory(settings.group, json.dumps(settings.salesperson), settings.encoder)


@lru_cache(maxsize=4)
def _simulator(settings: str) -> Simulator:
    return Simulator(SimulatedCallSettings(**json.loads(settings)))


@lru_cache(maxsize=4)
def _salesperson_factory(group: str, policy: str, encoder: str | None) -> SalespersonFactory:
    return SalespersonFactory(group, json.loads(policy), encoder)
