"""The node ``gsim`` of a verl configuration: which calls an agent loop plays."""

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
    """The calls that an agent loop plays.

    The frozen partner is a backend like any other: in process, or on a server.

    ``customer`` is the frozen customer of ``gsim_sales``; ``gsim_customer`` trains it and does not
    use this field.

    Raises:
        ConfigurationError: if the node is missing or a field is not legal.
    """

    salesperson: PolicySpec = Field(
        default="scripted", description="gsim_customer: the frozen salesperson's policy"
    )
    turn_tokens: int = Field(
        default=96, ge=1, description="maximum tokens of one turn of the policy"
    )

    @classmethod
    def of(cls, config: DictConfig) -> "CallSettings":
        """Read the node ``gsim`` of the trainer's configuration."""
        node = config.get("gsim")
        if node is None:
            raise ConfigurationError(
                "The configuration has no node 'gsim'. Start from one in recipes/*/config."
            )
        settings: Any = OmegaConf.to_container(node, resolve=True)
        try:
            return cls(**settings)
        except ConfigurationError as error:
            raise ConfigurationError(
                f"gsim: {error}\nIts fields: {', '.join(cls.model_fields)}."
            ) from error


def shared_simulator(settings: CallSettings) -> Simulator:
    """Return the simulator of some settings.

    The calls of a process share one, and so its models.
    """
    return _simulator(settings.model_dump_json())


def shared_salesperson_factory(settings: CallSettings) -> SalespersonFactory:
    """Return the frozen salespeople of some settings, shared within the process."""
    return _team(settings.group, json.dumps(settings.salesperson), settings.encoder)


@lru_cache(maxsize=4)
def _simulator(settings: str) -> Simulator:
    return Simulator(CallSettings(**json.loads(settings)))


@lru_cache(maxsize=4)
def _team(group: str, policy: str, encoder: str | None) -> SalespersonFactory:
    return SalespersonFactory(group, json.loads(policy), encoder)
