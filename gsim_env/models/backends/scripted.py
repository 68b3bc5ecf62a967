"""The ``scripted`` backend: repeats a reference utterance quoted in the prompt, without a model."""

import zlib

from pydantic import BaseModel, ConfigDict

from gsim_env.errors import SimulatorError
from gsim_env.models.protocol import QUOTE_PREFIX, Completion, CompletionRequest

__all__ = ["Config", "ScriptedModel"]


class Config(BaseModel):
    """Settings of the scripted backend: none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def build(self) -> "ScriptedModel":
        """Build the language model of these settings."""
        return ScriptedModel()


class ScriptedModel:
    """Language model without weights: answers with a line quoted in the last message.

    A line is quoted if it begins with ``> ``. Fast and deterministic: for tests, for the core
    without extras, and as a baseline that uses only words of real customers.
    """

    async def acomplete(self, request: CompletionRequest) -> Completion:
        """Return one quoted line.

        Raises:
            SimulatorError: if the last message quotes nothing: the scripted backend can only play
                the customer.
        """
        lines = [
            line.removeprefix(QUOTE_PREFIX)
            for line in request.messages[-1]["content"].splitlines()
            if line.startswith(QUOTE_PREFIX)
        ]
        if not lines:
            raise SimulatorError(
                f"The scripted backend found no line that begins with {QUOTE_PREFIX!r} in the last "
                f"message for the role {request.role!r}. It can only play the customer; a Manager "
                "needs a language model (or manager='chain')."
            )

        index = zlib.crc32(request.seed.to_bytes(8, "big")) % len(lines)
        return Completion(lines[index])
