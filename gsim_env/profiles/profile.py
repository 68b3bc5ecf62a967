"""The customer profile p, and recorded calls with their customers' profiles."""

from pydantic import BaseModel, ConfigDict, Field

from gsim_env.dialogue import Dialogue, Outcome

__all__ = ["CustomerProfile", "RecordedCall"]


class CustomerProfile(BaseModel):
    """The profile p of section 3.1: objective facts and subjective traits of one customer.

    The salesperson knows only ``listing``, the directory entry, before the call.
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
        """The profile as one paragraph, the input of the encoder phi (eq. 7 and 8)."""
        facts = "; ".join((*self.facts, *self.pain_points))
        concerns = ", ".join(self.concerns)
        traits = ", ".join(self.traits)
        return (
            f"{self.description}. {self.situation}. {facts}. "
            f"Concerns: {concerns}. {traits}. {self.style}."
        )


class RecordedCall(Dialogue):
    """A dialogue H_i with its customer's profile p_i: a row of a group's ``corpus.jsonl``."""

    outcome: Outcome
    profile: CustomerProfile
