"""Archetypes: kinds of customers within a group, and the dynamics of their latent state."""

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Archetype", "StateDynamics"]


class StateDynamics(BaseModel):
    """The parameters of an archetype's latent-state dynamics: interest, trust and patience.

    All levels lie in [0, 1]; gains and costs are per turn, on the same scale.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    interest: float = Field(ge=0.0, le=1.0, description="mean interest at the start")
    trust: float = Field(ge=0.0, le=1.0, description="mean trust at the start")
    patience: float = Field(ge=0.0, le=1.0, description="mean patience at the start")
    spread: float = Field(
        ge=0.0, le=0.5, description="largest deviation of a customer from the means; uniform"
    )
    turn_cost: float = Field(ge=0.0, le=1.0, description="patience lost each turn")
    ignored_cost: float = Field(
        ge=0.0, le=1.0, description="patience lost when a stated concern is ignored"
    )
    repeat_cost: float = Field(
        ge=0.0, le=1.0, description="patience lost on repeated words, noise or silence"
    )
    answer_gain: float = Field(
        ge=0.0, le=1.0, description="interest and trust gained by answering the stated concern"
    )
    pitch_gain: float = Field(
        ge=0.0, le=1.0, description="interest gained by a new piece of information"
    )
    concerns_to_settle: int = Field(
        ge=1, description="stated concerns to settle before the customer can accept"
    )
    accept_interest: float = Field(ge=0.0, le=1.0, description="interest needed to accept")
    accept_probability: float = Field(
        gt=0.0, le=1.0, description="probability of accepting when asked and all conditions hold"
    )
    hang_up_probability: float = Field(
        ge=0.0, le=1.0, description="probability of hanging up instead of declining at the end"
    )


class Archetype(BaseModel):
    """A kind of customer within a group: its definition and its latent-state dynamics."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    definition: str
    judge_label: str = Field(description="the category's name in the judge's prompt (Table 9)")
    weight: float = Field(
        default=1.0, gt=0.0, description="relative frequency among generated customers"
    )
    dynamics: StateDynamics
