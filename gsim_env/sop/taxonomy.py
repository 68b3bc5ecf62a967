"""The SOP taxonomy S of a group: stages of both sides and concerns, from ``taxonomy.toml``."""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gsim_env.dialogue import Outcome, Role
from gsim_env.errors import unknown_name_error
from gsim_env.util.files import load_toml_model

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
"""The kind of the customer's last stage, by outcome.

There is none if the salesperson ends the call.
"""

STAND_INS: dict[CustomerKind, CustomerKind] = {
    "confused": "neutral",
    "defer": "neutral",
    "hang_up": "decline",
}
"""Optional kinds, and the kinds that replace them.

For instance, customers of written dialogues do not mishear.
"""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    definition: str
    examples: tuple[str, ...] = Field(min_length=1)


class SalesStage(_Entry):
    """A stage of the salesperson; ``kind`` determines its effect on the customer's state."""

    kind: SalesKind


class CustomerStage(_Entry):
    """A stage of the customer; ``kind`` determines its role in the conversation."""

    kind: CustomerKind


class Concern(BaseModel):
    """A concern that keeps customers from agreeing: phrases that raise it and that answer it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    definition: str
    raised: tuple[str, ...] = Field(min_length=1)
    answers: tuple[str, ...] = Field(min_length=1)


class Taxonomy(BaseModel):
    """A group's SOP taxonomy: sales stages, customer stages and customer concerns.

    Raises:
        ValueError: if a kind that the simulator requires (``concern``, ``neutral``, ``warm``,
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
        """Load a group's SOP taxonomy from ``taxonomy.toml``.

        Raises:
            CorpusError: if the file is missing or malformed.
        """
        return load_toml_model(cls, path)

    def stages(self, role: Role) -> dict[str, SalesStage] | dict[str, CustomerStage]:
        """Return the SOP stages of one speaker (sales or customer) by name."""
        return self.sales if role == "sales" else self.customer

    def phrases(self, role: Role) -> list[tuple[str, str]]:
        """Return the example phrases of a speaker's SOP stages as (text, stage) pairs."""
        phrases: list[tuple[str, str]] = []
        for name, stage in self.stages(role).items():
            phrases += [(text, name) for text in stage.examples]
        return phrases

    def customer_stages(self, *kinds: CustomerKind) -> list[str]:
        """Return the names of the customer stages of the given kinds, in the file's order."""
        return [name for name, stage in self.customer.items() if stage.kind in kinds]

    def stages_for(self, kind: CustomerKind) -> list[str]:
        """Return the names of the customer stages of a kind, or of its substitute kind if none."""
        return self.customer_stages(kind) or self.customer_stages(STAND_INS[kind])

    def check(self, role: Role, stage: str | None, concern: str | None) -> None:
        """Raise a ConfigurationError if a stage or a concern is unknown; ``None`` is no label."""
        if stage is not None and stage not in self.stages(role):
            raise unknown_name_error(f"{role} stage", stage, self.stages(role))
        if concern is not None and concern not in self.concerns:
            raise unknown_name_error("concern", concern, self.concerns)
