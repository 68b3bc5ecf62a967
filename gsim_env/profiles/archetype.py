"""An archetype.

A kind of customer within a group, with the dynamics that decide how its patience and interest move.
"""

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Archetype", "Dynamics"]


class Dynamics(BaseModel):
    """How the latent state moves.

    All levels lie in [0, 1]; gains and costs are per turn, on that scale.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    interest: float = Field(ge=0.0, le=1.0, description="mean interest as the phone rings")
    trust: float = Field(ge=0.0, le=1.0, description="mean trust as the phone rings")
    patience: float = Field(ge=0.0, le=1.0, description="mean patience as the phone rings")
    spread: float = Field(
        ge=0.0, le=0.5, description="customers differ from the means by up to this much, uniformly"
    )
    turn_cost: float = Field(ge=0.0, le=1.0, description="patience lost each turn")
    ignored_cost: float = Field(
        ge=0.0, le=1.0, description="patience lost when a stated concern is passed over"
    )
    repeat_cost: float = Field(
        ge=0.0, le=1.0, description="patience lost on words heard before, noise or silence"
    )
    answer_gain: float = Field(
        ge=0.0, le=1.0, description="interest and trust won by answering the stated concern"
    )
    pitch_gain: float = Field(
        ge=0.0, le=1.0, description="interest won by a new piece of information"
    )
    concerns_to_settle: int = Field(
        ge=1, description="how many stated concerns must be settled before a yes"
    )
    accept_interest: float = Field(ge=0.0, le=1.0, description="interest needed for a yes")
    accept_probability: float = Field(
        gt=0.0, le=1.0, description="chance of a yes when asked with all of that given"
    )
    hang_up_probability: float = Field(
        ge=0.0, le=1.0, description="chance of hanging up, not declining, at the end"
    )


class Archetype(BaseModel):
    """A kind of customer.

    A definition people and judges read, and the :class:`Dynamics` the Manager runs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    definition: str
    judge_label: str = Field(description="the category's name in the judge's prompt (Table 9)")
    weight: float = Field(
        default=1.0, gt=0.0, description="relative frequency among generated customers"
    )
    dynamics: Dynamics
