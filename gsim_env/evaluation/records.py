"""The calls of an evaluation, simulated or human, in one form."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic_core import to_jsonable_python

from gsim_env.dialogue import Outcome
from gsim_env.envs.playing import Exchange, PlayedCall
from gsim_env.errors import SimulatorError
from gsim_env.models import ChatMessage
from gsim_env.profiles import CustomerProfile, RecordedCall

__all__ = ["HUMAN", "EvaluatedCall", "EvaluatedTurn", "read_calls_file"]

HUMAN = "human"
"""The method name of recorded human calls."""


class EvaluatedTurn(BaseModel):
    """One turn of an evaluated call: the salesperson's utterance and the customer's answer.

    Attributes:
        sales: The salesperson's utterance u_t.
        customer: The customer's answer r_t.
        stage: The customer's SOP stage z_t as the stage classifier labels it; ``None`` before.
        state: The latent state S_t behind the answer; ``None`` for people.
        guidance: The Manager's guidance (stage, stance, concern, and utterances of customers from
            the retrieved chains as references); ``None`` for people and for methods without
            guidance.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sales: str
    customer: str
    stage: str | None = None
    state: dict[str, JsonValue] | None = None
    guidance: dict[str, JsonValue] | None = None

    @classmethod
    def from_exchange(cls, exchange: Exchange) -> Self:
        """Return a turn of a simulated call as an evaluated turn."""
        return cls(
            sales=exchange.sales,
            customer=exchange.customer,
            state=to_jsonable_python(exchange.state),
            guidance=to_jsonable_python(exchange.guidance),
        )


class EvaluatedCall(BaseModel):
    """One call of an evaluation, simulated or recorded: profile, turns and outcome.

    Attributes:
        method: The method that simulated the customer; :data:`HUMAN` for a recorded human call.
        salesperson: Name of the salesperson; empty for a recorded human call.
        number: Number of the call within its method. Calls of two methods with the same number go
            to the same customer with the same seed.
        profile: The customer's profile.
        turns: Utterance and answer of each turn; empty if the call failed.
        outcome: How the call ended; ``None`` if it failed.
        error: The failure of infrastructure; a failed call is missing and counts in no metric.
        seconds: Duration of the call, with other calls running concurrently.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str
    salesperson: str
    number: int = Field(ge=0)
    profile: CustomerProfile
    turns: tuple[EvaluatedTurn, ...]
    outcome: Outcome | None
    error: str | None = None
    seconds: float = 0.0

    @property
    def id(self) -> str:
        """The call's id, unique within its evaluation."""
        return "/".join(part for part in (self.method, self.salesperson, str(self.number)) if part)

    @property
    def customer_texts(self) -> list[str]:
        """The customer's utterances, in order."""
        return [turn.customer for turn in self.turns]

    @property
    def lengths(self) -> list[int]:
        """The number of words of each customer utterance (l_t of eq. 2)."""
        return [len(text.split()) for text in self.customer_texts]

    @property
    def messages(self) -> list[ChatMessage]:
        """The call as a chat for the reward functions: ``user`` is the salesperson."""
        messages: list[ChatMessage] = []
        for turn in self.turns:
            messages.append(ChatMessage(role="user", content=turn.sales))
            messages.append(ChatMessage(role="assistant", content=turn.customer))
        return messages

    @classmethod
    def from_recording(cls, number: int, call: RecordedCall) -> Self:
        """Convert a recorded human call; a last sales turn without an answer is left out."""
        pairs = zip(call.turns[::2], call.turns[1::2], strict=False)
        turns = tuple(
            EvaluatedTurn(sales=sales.text, customer=customer.text) for sales, customer in pairs
        )
        return cls(
            method=HUMAN,
            salesperson="",
            number=number,
            profile=call.profile,
            turns=turns,
            outcome=call.outcome,
        )

    @classmethod
    def from_simulation(cls, method: str, salesperson: str, number: int, call: PlayedCall) -> Self:
        """Convert a simulated call that was played to its end."""
        return cls(
            method=method,
            salesperson=salesperson,
            number=number,
            profile=CustomerProfile.model_validate(call.profile),
            turns=tuple(map(EvaluatedTurn.from_exchange, call.turns)),
            outcome=call.outcome,
            seconds=round(call.seconds, 3),
        )

    @classmethod
    def from_failure(
        cls,
        method: str,
        salesperson: str,
        number: int,
        customer: CustomerProfile,
        error: SimulatorError,
    ) -> Self:
        """Return the record of a call that failed in infrastructure: no turns, no outcome."""
        return cls(
            method=method,
            salesperson=salesperson,
            number=number,
            profile=customer,
            turns=(),
            outcome=None,
            error=str(error),
        )


def read_calls_file(file: Path) -> list[EvaluatedCall]:
    """Read the evaluated calls of a JSONL file."""
    # Split at \n only: JSON strings may contain other line separators, such as U+2028.
    lines = file.read_bytes().split(b"\n")
    return [EvaluatedCall.model_validate_json(line) for line in lines if line]
