"""The customer profile p, and a recorded call with the profile of whoever answered it."""

from pydantic import BaseModel, ConfigDict, Field

from gsim_env.dialogue import Dialogue, Outcome

__all__ = ["CustomerProfile", "RecordedCall"]


class CustomerProfile(BaseModel):
    """The profile p of section 3.1: objective facts and subjective traits of one customer.

    Only ``listing`` (what a directory says) is known to the salesperson before the call.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    archetype: str
    name: str
    listing: str
    description: str
    facts: tuple[str, ...]
    traits: tuple[str, ...]
    pain_points: tuple[str, ...]
    concerns: tuple[str, ...] = Field(
        min_length=1, description="ids of the group's taxonomy, most important first"
    )
    style: str
    situation: str

    @property
    def text(self) -> str:
        """The profile as one paragraph: what the encoder phi embeds (eq. 7 and 8)."""
        return " ".join(
            (
                f"{self.description}. {self.situation}.",
                "; ".join((*self.facts, *self.pain_points)) + ".",
                f"Concerns: {', '.join(self.concerns)}. {', '.join(self.traits)}. {self.style}.",
            )
        )


class RecordedCall(Dialogue):
    """A dialogue H_i with the profile p_i of its customer: a row of a group's ``corpus.jsonl``."""

    outcome: Outcome
    profile: CustomerProfile
