"""The node ``gsim`` of a verl configuration: which calls an agent loop plays."""

import json
from functools import lru_cache
from typing import Any

from omegaconf import DictConfig, OmegaConf
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gsim_env.errors import ConfigurationError
from gsim_env.simulation.salespeople import SalesTeam
from gsim_env.simulation.simulator import Simulator

__all__ = ["CallSettings", "shared_simulator", "shared_team"]

Spec = str | dict[str, Any]


class CallSettings(BaseModel):
    """What is played. The frozen partner is a back end like any other, with its own server's ``base_url``, or in process.

    Raises:
        ConfigurationError: if the node is missing or a field is not legal.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    group: str = Field(default="food_delivery", description="a built-in group or the path of a bundle")
    customer: Spec = Field(default="embedded", description="gsim_sales: the frozen customer's back end")
    salesperson: Spec = Field(default="scripted", description="gsim_customer: the frozen salesperson's policy")
    manager: Spec = "chain"
    profiles: Spec = "corpus"
    encoder: str | None = Field(default=None, description="as for gym.make")
    library: str | None = None
    k: int = 10
    guidance: bool = Field(default=True, description="whether the customer's model is told the Manager's guidance")
    max_turns: int = Field(default=15, description="exchanges after which a call is truncated")
    turn_tokens: int = Field(default=96, ge=1, description="the most that the policy may say in a turn, in tokens")

    @classmethod
    def of(cls, config: DictConfig) -> "CallSettings":
        """Read the node ``gsim`` of the trainer's configuration."""
        node = config.get("gsim")
        if node is None:
            raise ConfigurationError("The configuration has no node 'gsim'. Start from one in recipes/*/config.")
        try:
            return cls.model_validate(OmegaConf.to_container(node, resolve=True))
        except ValidationError as error:
            raise ConfigurationError(f"gsim: {error}\nIts fields: {', '.join(cls.model_fields)}.") from error


def shared_simulator(settings: CallSettings) -> Simulator:
    """Return the simulator of some settings; the calls of a process share one, and so its models."""
    return _simulator(settings.model_dump_json())


def shared_team(settings: CallSettings) -> SalesTeam:
    """Return the frozen salespeople of some settings, shared within the process."""
    return _team(settings.group, json.dumps(settings.salesperson), settings.encoder)


@lru_cache(maxsize=4)
def _simulator(settings: str) -> Simulator:
    own = CallSettings.model_validate_json(settings)
    return Simulator(
        own.group, own.customer, own.manager, own.profiles, own.encoder, own.library, own.k, own.max_turns, own.guidance
    )


@lru_cache(maxsize=4)
def _team(group: str, policy: str, encoder: str | None) -> SalesTeam:
    return SalesTeam(group, json.loads(policy), encoder)
