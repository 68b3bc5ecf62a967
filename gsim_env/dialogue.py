"""Dialogues: turns, roles and outcomes of calls."""

from enum import StrEnum
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["Dialogue", "Outcome", "Role", "Turn"]

Role = Literal["sales", "customer"]


class Outcome(StrEnum):
    """How a sales call ended, such as accepted or hung up; a ``str`` that equals its value."""

    ACCEPTED = "accepted"
    DECLINED = "declined"
    HUNG_UP = "hung_up"
    SALES_ENDED = "sales_ended"
    TURN_LIMIT = "turn_limit"

    @property
    def truncates(self) -> bool:
        """Whether this outcome is a cutoff by the turn limit (Gymnasium's ``truncated``)."""
        return self is Outcome.TURN_LIMIT


class Turn(BaseModel):
    """One utterance of a sales call, with its speaker, SOP stage and concern.

    Attributes:
        role: The speaker.
        text: The words.
        stage: The SOP stage s_t (section 3.1); ``None`` if it is not labeled.
        concern: The concern that the utterance is about; ``None`` if there is none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Role
    text: str = Field(min_length=1)
    stage: str | None = None
    concern: str | None = None


class Dialogue(BaseModel):
    """A whole sales call; the salesperson speaks first and turns alternate (Algorithm 1).

    Attributes:
        id: Unique in its corpus.
        turns: The utterances, in order.
        outcome: How the call ended; ``None`` if it is not known.
        attributes: Further facts about the customer in the source (age, employment, ...), by name.

    Raises:
        ValueError: if the turns do not alternate, starting with ``sales``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    turns: tuple[Turn, ...] = Field(min_length=2)
    outcome: Outcome | None = None
    attributes: dict[str, str] = {}

    @model_validator(mode="after")
    def _alternates(self) -> Self:
        for index, turn in enumerate(self.turns):
            expected = "customer" if index % 2 else "sales"
            if turn.role != expected:
                raise ValueError(
                    f"turn {index} of {self.id!r} is by {turn.role!r}, expected {expected!r}"
                )
        return self

    def customer_turns(self) -> list[Turn]:
        """Return the customer's turns, in order."""
        return [turn for turn in self.turns if turn.role == "customer"]
