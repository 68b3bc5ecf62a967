"""The ``llm`` Manager: a language model that judges and directs within a JSON schema."""

from collections.abc import Generator

from pydantic import BaseModel, ConfigDict, Field

from gsim_env.groups import Group
from gsim_env.models import ChatMessage, Completion, CompletionRequest, SamplingParams
from gsim_env.models.json_answers import request_json_answer
from gsim_env.simulation.manager import Call, Decision, ending, ending_stage
from gsim_env.simulation.prompts import manager_system
from gsim_env.simulation.state import CustomerState, SalesMove
from gsim_env.simulation.utterance import SanitizedUtterance
from gsim_env.sop.taxonomy import SalesKind

__all__ = ["LLMManager", "Verdict"]

SAMPLING = SamplingParams(temperature=0.1, top_p=0.2, max_tokens=256)
"""Table 8, AI-Manager; 256 tokens are enough for the schema (the paper allows 1024)."""

TRIES = 3
"""Maximum number of requests until an answer fits the schema, each with another seed."""

MAX_RISE = 0.3
"""Maximum rise of interest or trust in one turn."""

NO_CONCERN = "none"


class Verdict(BaseModel):
    """The Manager model's JSON answer for a turn: the customer's levels (0 to 10), next stage."""

    model_config = ConfigDict(frozen=True)

    interest: int = Field(ge=0, le=10)
    trust: int = Field(ge=0, le=10)
    patience: int = Field(ge=0, le=10)
    answered: bool
    asked: bool
    farewell: bool
    stage: str
    concern: str


class LLMManager:
    """Manager that asks a language model to judge the sales turn and direct the customer.

    The paper's Manager (GPT-4o there). Any backend works that can answer within a JSON schema.
    Rules shared with ``chain`` bound the effect of the model's answer: it can settle only the
    concern that the customer stated, one per turn; interest and trust rise by at most 0.3 per turn,
    patience never rises; and a deal needs the conditions of :func:`ending`. So a salesperson cannot
    obtain a deal by manipulating the model.

    Args:
        group: The cohort of the customers.
    """

    def __init__(self, group: Group) -> None:
        """Build the schema; its stages are those that do not end a call."""
        self._taxonomy = group.taxonomy
        stages = group.taxonomy.customer_stages(
            "open", "neutral", "concern", "confused", "defer", "warm"
        )
        schema = Verdict.model_json_schema()
        schema["properties"]["stage"]["enum"] = stages
        schema["properties"]["concern"]["enum"] = [*group.taxonomy.concerns, NO_CONCERN]
        schema["additionalProperties"] = False

        self._schema = schema
        self._stages = frozenset(stages)

    def decide(
        self, call: Call, heard: SanitizedUtterance
    ) -> Generator[CompletionRequest, Completion, Decision]:
        """Ask the model to judge the sales turn; update the customer's state and next stage.

        Yields one ``CompletionRequest``, and more only if an answer does not fit the schema.

        Raises:
            SimulatorError: if no answer fits the schema in three tries.
        """
        if not call.memory:
            call.memory.append(manager_system(call.group, call.profile))

        # Nearness to the state before the turn, as the next stage is chosen from it.
        nearness = call.candidates.nearness(call.state, "", None)
        verdict = yield from self._ask(call)
        kind: SalesKind = "end" if verdict.farewell else "ask" if verdict.asked else "neutral"
        move = SalesMove(
            kind, "", asks=verdict.asked, wasted=heard.garbled or not heard.text, words=heard.words
        )
        apply(verdict, call.state, move)

        outcome = ending(call, move)
        stage, concern = self._next(call, verdict)
        if outcome is not None:
            stage, concern = ending_stage(call, outcome), None

        call.state.stage = stage
        if concern is not None:
            call.state.stated = concern
        return Decision(call.guide(nearness, stage, concern), outcome)

    def _ask(self, call: Call) -> Generator[CompletionRequest, Completion, Verdict]:
        """Ask for a verdict until one fits the schema."""
        messages: list[ChatMessage] = [call.memory[0], *call.history[1:], _question(call.state)]

        def request(_: int) -> CompletionRequest:
            seed = int(call.rng.integers(2**31))
            return CompletionRequest("manager", messages, SAMPLING, seed, self._schema)

        subject = "The Manager's model"
        return (yield from request_json_answer(request, self._read, subject=subject, tries=TRIES))

    def _read(self, text: str) -> Verdict:
        """Parse an answer; raises a ValueError if it does not fit."""
        verdict = Verdict.model_validate_json(text)
        if verdict.stage not in self._stages:
            raise ValueError(f"unknown stage {verdict.stage!r}")
        return verdict

    def _next(self, call: Call, verdict: Verdict) -> tuple[str, str | None]:
        """Return the stage and the concern to raise.

        A concern must be one this customer has and that is not settled.
        """
        concern = verdict.concern if verdict.concern in call.state.unsettled else None
        if self._taxonomy.customer[verdict.stage].kind == "concern" and concern is None:
            if not call.state.unsettled:
                return self._taxonomy.customer_stages("warm")[0], None
            concern = call.state.stated or call.state.unsettled[0]
        return verdict.stage, concern


def apply(verdict: Verdict, state: CustomerState, move: SalesMove) -> None:
    """Update the customer's state by the Manager model's verdict, within per-turn limits."""
    state.turn += 1
    state.patience = min(state.patience, verdict.patience / 10)

    interest = verdict.interest / 10
    trust = verdict.trust / 10
    if move.wasted:
        interest = min(interest, state.interest)
        trust = min(trust, state.trust)
    elif verdict.answered:
        state.settle()

    state.interest = min(interest, state.interest + MAX_RISE)
    state.trust = min(trust, state.trust + MAX_RISE)


def _question(state: CustomerState) -> ChatMessage:
    settled = ", ".join(state.settled) or NO_CONCERN
    return {
        "role": "user",
        "content": (
            f"Before this turn: interest {round(10 * state.interest)}, "
            f"trust {round(10 * state.trust)}, patience {round(10 * state.patience)}; "
            f"stated and waiting for an answer: {state.stated or NO_CONCERN}; settled: "
            f"{settled}. Judge the salesperson's last turn above and direct the customer."
        ),
    }
