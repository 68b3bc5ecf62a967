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

__all__ = ["CallSettings", "shared_salesperson_factory", "shared_simulator"]


class CallSettings(SimulatorConfig):
    """Settings of the calls that an agent loop simulates.

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
    def of(cls, config: DictConfig) -> "CallSettings":
        """Return the settings of the node ``gsim`` of a trainer's configuration."""
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


def shared_simulator(settings: CallSettings) -> Simulator:
    """Return the simulator of the settings, shared with its models by all calls of a process."""
    return _simulator(settings.model_dump_json())


def shared_salesperson_factory(settings: CallSettings) -> SalespersonFactory:
    """Return the frozen salespeople of the settings, shared by all calls of a process."""
    return _salesperson_factory(settings.group, json.dumps(settings.salesperson), settings.encoder)


@lru_cache(maxsize=4)
def _simulator(settings: str) -> Simulator:
    return Simulator(CallSettings(**json.loads(settings)))


@lru_cache(maxsize=4)
def _salesperson_factory(group: str, policy: str, encoder: str | None) -> SalespersonFactory:
    return SalespersonFactory(group, json.loads(policy), encoder)
