"""The ``scripted`` backend.

No model. It says one of the reference utterances that the guidance quotes.
"""

import zlib

from pydantic import BaseModel, ConfigDict

from gsim_env.errors import SimulatorError
from gsim_env.models.protocol import Complete, Completion

__all__ = ["ScriptedConfig", "ScriptedModel"]

QUOTED = "> "
"""Stands before each reference utterance of a guidance, one a line."""


class ScriptedConfig(BaseModel):
    """The scripted backend has no settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def build(self) -> "ScriptedModel":
        """Return the backend."""
        return ScriptedModel()


class ScriptedModel:
    """Real customers' words, said as they are.

    A line of the last message that begins with ``> ``, drawn by the seed.

    Fast and deterministic, for tests, for the core without extras, and as a baseline that cannot
    make anything up.
    """

    async def acomplete(self, request: Complete) -> Completion:
        """Return one quoted line.

        Raises:
            SimulatorError: if the last message quotes nothing (the scripted backend can play the
                customer only).
        """
        lines = [
            line[len(QUOTED) :]
            for line in request.messages[-1]["content"].splitlines()
            if line.startswith(QUOTED)
        ]
        if not lines:
            raise SimulatorError(
                f"The scripted backend found no quoted line to say for the role {request.role!r}. It can play the "
                "customer; a Manager needs a language model (or manager='chain')."
            )
        return Completion(lines[zlib.crc32(request.seed.to_bytes(8, "big")) % len(lines)])
