"""The SOP taxonomy S of a group.

Stages of both sides and the concerns its customers have. Read from ``taxonomy.toml``.
"""

import tomllib
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gsim_env.dialogue import Outcome, Role
from gsim_env.errors import CorpusError, unknown

__all__ = [
    "ENDING_KINDS",
    "Concern",
    "CustomerKind",
    "CustomerStage",
    "SalesKind",
    "SalesStage",
    "Taxonomy",
]

SalesKind = Literal["open", "neutral", "inform", "answer", "ask", "end"]
CustomerKind = Literal[
    "open", "neutral", "concern", "confused", "defer", "warm", "accept", "decline", "hang_up"
]
ENDING_KINDS: dict[Outcome, CustomerKind] = {
    Outcome.ACCEPTED: "accept",
    Outcome.DECLINED: "decline",
    Outcome.HUNG_UP: "hang_up",
}
"""At which kind of stage a customer ends a call.

Nobody says what they are at when the salesperson ends it.
"""

STAND_INS: dict[CustomerKind, CustomerKind] = {
    "confused": "neutral",
    "defer": "neutral",
    "hang_up": "decline",
}
"""Kinds that a group may do without, and what serves instead.

Who writes does not mishear, and not everybody hangs up.
"""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    definition: str
    examples: tuple[str, ...] = Field(min_length=1)


class SalesStage(_Entry):
    """A stage of the salesperson.

    ``kind`` is what it does to the customer's state, whatever the group calls it.
    """

    kind: SalesKind


class CustomerStage(_Entry):
    """A stage of the customer.

    ``kind`` is its part in the conversation, whatever the group calls it.
    """

    kind: CustomerKind


class Concern(BaseModel):
    """Something that keeps customers of the group from agreeing.

    How it is raised and what answers it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    definition: str
    raised: tuple[str, ...] = Field(min_length=1)
    answers: tuple[str, ...] = Field(min_length=1)


class Taxonomy(BaseModel):
    """Stages and concerns of a group.

    Raises:
        ValueError: if a kind that the simulator steers by (``concern``, ``neutral``, ``warm``,
            ``accept``, ``decline``) has no customer stage.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int
    sales: dict[str, SalesStage]
    customer: dict[str, CustomerStage]
    concerns: dict[str, Concern]

    @model_validator(mode="after")
    def _steerable(self) -> Self:
        present = {stage.kind for stage in self.customer.values()}
        for kind in ("concern", "neutral", "warm", "accept", "decline"):
            if kind not in present:
                raise ValueError(f"no customer stage is of kind {kind!r}")
        return self

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a ``taxonomy.toml``.

        Raises:
            CorpusError: if the file is missing or malformed.
        """
        try:
            return cls.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        except (OSError, tomllib.TOMLDecodeError, ValidationError) as error:
            raise CorpusError(f"{path}: {error}") from error

    def stages(self, role: Role) -> dict[str, SalesStage] | dict[str, CustomerStage]:
        """Return the stages of one side by name."""
        return self.sales if role == "sales" else self.customer

    def phrases(self, role: Role) -> list[tuple[str, str]]:
        """Return the example phrases of one side's stages: (text, stage)."""
        return [
            (text, name) for name, stage in self.stages(role).items() for text in stage.examples
        ]

    def customer_stages(self, *kinds: CustomerKind) -> list[str]:
        """Return the names of the customer stages of the given kinds, in the file's order."""
        return [name for name, stage in self.customer.items() if stage.kind in kinds]

    def stages_for(self, kind: CustomerKind) -> list[str]:
        """Return the customer stages of a kind, or of the kind that stands in for it."""
        return self.customer_stages(kind) or self.customer_stages(STAND_INS[kind])

    def check(self, role: Role, stage: str | None, concern: str | None) -> None:
        """Raise a ConfigurationError if a stage or a concern is not of this taxonomy.

        ``None`` is no label.
        """
        if stage is not None and stage not in self.stages(role):
            raise unknown(f"{role} stage", stage, self.stages(role))
        if concern is not None and concern not in self.concerns:
            raise unknown("concern", concern, self.concerns)
