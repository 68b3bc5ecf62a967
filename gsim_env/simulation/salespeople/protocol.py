"""A salesperson is a policy for one call, sans-IO as the conversation is.

A team begins one for each call.
"""

from collections.abc import Generator
from typing import Any, Protocol

import numpy as np

from gsim_env.models import Complete, Embed
from gsim_env.simulation.drivers import Services

__all__ = ["Salesperson", "SalespersonSource", "UtteranceFlow"]

UtteranceFlow = Generator[Complete | Embed, Any, str]
"""An utterance in the making.

Yields requests, is sent answers (``Completion``, or an array (texts, d)), returns words.
"""


class Salesperson(Protocol):
    """A policy for one call.

    It knows the call brief and the customer's words: no profile, state or guidance reaches it.
    """

    def respond(self, heard: str | None) -> UtteranceFlow:
        """Say the next utterance.

        ``await drivers.drive(salesperson.respond(words), team.services)`` drives it.

        Args:
            heard: What the customer said last, raw; ``None`` as the phone is picked up.

        Yields:
            ``Complete`` of the role ``"sales"``, and ``Embed``.

        Returns:
            What it says.

        Raises:
            SimulatorError: if it finds no words.
        """
        ...


class SalespersonSource(Protocol):
    """Where salespeople come from.

    :class:`~gsim_env.simulation.salespeople.SalespersonFactory`, or whatever else begins calls.
    """

    @property
    def services(self) -> Services:
        """What answers the requests of its salespeople."""
        ...

    def new_call(self, brief: str, rng: np.random.Generator) -> Salesperson:
        """Return a salesperson for one call.

        Args:
            brief: The call brief, as ``reset`` returns it.
            rng: The source of every random draw of the salesperson, the models' sampling seeds too.
        """
        ...
