"""The protocol of salespeople: sans-IO policies for one call, and their factories."""

from collections.abc import Generator
from typing import Any, Protocol

import numpy as np

from gsim_env.models import CompletionRequest, EmbeddingRequest
from gsim_env.simulation.drivers import Services

__all__ = ["Salesperson", "SalespersonSource", "UtteranceFlow"]

UtteranceFlow = Generator[CompletionRequest | EmbeddingRequest, Any, str]
"""A generator of one utterance: yields requests, is sent answers, returns the words.

Answers are a ``Completion`` or an array (texts, d).
"""


class Salesperson(Protocol):
    """Protocol of a salesperson for one call: sees the call brief and customer utterances only."""

    def respond(self, heard: str | None) -> UtteranceFlow:
        """Return the salesperson's next utterance.

        Run it with ``await drivers.drive(salesperson.respond(words), factory.services)``.

        Args:
            heard: The customer's last utterance, raw; ``None`` at the start of the call.

        Yields:
            ``CompletionRequest`` of the role ``"sales"``, and ``EmbeddingRequest``.

        Returns:
            The utterance.

        Raises:
            SimulatorError: if there is no utterance after bounded retries.
        """
        ...


class SalespersonSource(Protocol):
    """Protocol of factories that create one salesperson per call.

    :class:`~gsim_env.simulation.salespeople.SalespersonFactory` is the package's own.
    """

    @property
    def services(self) -> Services:
        """The models and encoder that answer the salespeople's requests."""
        ...

    def new_call(self, brief: str, rng: np.random.Generator) -> Salesperson:
        """Return a new salesperson for one call.

        Args:
            brief: The call brief, as ``reset`` returns it.
            rng: The source of every random draw of the salesperson, the models' sampling seeds too.
        """
        ...
