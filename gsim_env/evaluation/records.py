"""What an evaluation reads: calls, simulated or of real people, in one form."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from gsim_env.dialogue import Outcome
from gsim_env.envs.playing import PlayedCall
from gsim_env.models import Message
from gsim_env.profiles import CustomerProfile, RecordedCall
from gsim_env.util.stats import Interval

__all__ = ["HUMAN", "EvaluatedCall", "IntervalField", "Spoken"]

HUMAN = "human"
"""What stands for a method's name where the customers are people."""

DECIMALS = 6


def interval_to_json(interval: Interval) -> dict[str, float | int | None]:
    """Return an interval by its field names, rounded; NaN, which JSON lacks, becomes ``None``."""
    return {
        name: None if np.isnan(number) else round(number, DECIMALS)
        for name, number in interval._asdict().items()
    }


def interval_from_json(value: object) -> object:
    """Return what :func:`interval_to_json` returned with NaN where it holds ``None``."""
    if not isinstance(value, Mapping):
        return value
    return {name: np.nan if number is None else number for name, number in value.items()}


IntervalField = Annotated[
    Interval, BeforeValidator(interval_from_json), PlainSerializer(interval_to_json)
]
"""A model's field of type ``Interval``; as JSON an object with ``value``, ``low``, ``high``, ``n``."""


class Spoken(BaseModel):
    """An exchange: what the salesperson said, and what the customer answered.

    Attributes:
        sales: u_t.
        customer: r_t.
        stage: z_t, the customer's SOP stage as it is read from the words; ``None`` until it has
            been.
        state: The latent state S_t behind the answer; ``None`` for people.
        guidance: What the Manager gave, if it was told: stage, stance, concern, and as references
            what customers of the retrieved chains said; ``None`` for people, and for a method
            without guidance.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sales: str
    customer: str
    stage: str | None = None
    state: dict[str, Any] | None = None
    guidance: dict[str, Any] | None = None


class EvaluatedCall(BaseModel):
    """A call to evaluate.

    Attributes:
        method: Who simulated the customer; :data:`HUMAN` for a person.
        salesperson: Who called; empty where that was a person.
        number: Which call of the method: calls of two methods with the same number are to the same
            customer, by the same seed.
        profile: The customer's.
        turns: The exchanges; none where the call failed.
        outcome: How it ended; ``None`` where it failed.
        error: What infrastructure failed: such a call is missing, and no result.
        seconds: How long its exchanges took, with others going on beside it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str
    salesperson: str
    number: int = Field(ge=0)
    profile: CustomerProfile
    turns: tuple[Spoken, ...]
    outcome: Outcome | None
    error: str | None = None
    seconds: float = 0.0

    @property
    def id(self) -> str:
        """Names the call in its evaluation."""
        return "/".join(part for part in (self.method, self.salesperson, str(self.number)) if part)

    @property
    def words(self) -> list[str]:
        """What the customer said, turn by turn."""
        return [turn.customer for turn in self.turns]

    @property
    def lengths(self) -> list[int]:
        """l_t of eq. 2: the words of each of the customer's turns."""
        return [len(text.split()) for text in self.words]

    @property
    def messages(self) -> list[Message]:
        """The call as a chat.

        ``user`` is the salesperson, ``assistant`` the customer, as the rewards have it.
        """
        return [
            Message(role=role, content=text)
            for turn in self.turns
            for role, text in (("user", turn.sales), ("assistant", turn.customer))
        ]

    @classmethod
    def of_people(cls, number: int, call: RecordedCall) -> Self:
        """Return a recorded call; a salesperson's last words that nobody answered are left out."""
        pairs = zip(call.turns[::2], call.turns[1::2], strict=False)
        turns = tuple(Spoken(sales=sales.text, customer=customer.text) for sales, customer in pairs)
        return cls(
            method=HUMAN,
            salesperson="",
            number=number,
            profile=call.profile,
            turns=turns,
            outcome=call.outcome,
        )

    @classmethod
    def of_played(cls, method: str, salesperson: str, number: int, call: PlayedCall) -> Self:
        """Return a call that was played to its end."""
        turns = tuple(
            Spoken(sales=t.sales, customer=t.customer, state=t.state, guidance=t.guidance)
            for t in call.turns
        )
        profile: Mapping[str, Any] = call.profile
        return cls(
            method=method,
            salesperson=salesperson,
            number=number,
            profile=CustomerProfile.model_validate(profile),
            turns=turns,
            outcome=call.outcome,
            seconds=round(call.seconds, 3),
        )
