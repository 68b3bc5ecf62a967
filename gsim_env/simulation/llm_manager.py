"""The ``llm`` Manager.

A language model judges the salesperson and directs the customer, within a JSON schema.
"""

from collections.abc import Generator

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gsim_env.errors import SimulatorError
from gsim_env.groups import Group
from gsim_env.models import Complete, Completion, Message, Sampling
from gsim_env.simulation.manager import Call, Decision, ending, ending_stage
from gsim_env.simulation.prompts import manager_system
from gsim_env.simulation.state import CustomerState, SalesMove
from gsim_env.simulation.utterance import SanitizedUtterance
from gsim_env.sop.taxonomy import SalesKind

__all__ = ["LLMManager", "Verdict"]

SAMPLING = Sampling(temperature=0.1, top_p=0.2, max_tokens=256)
"""Table 8, AI-Manager; 256 tokens are enough for the schema (the paper allows 1024)."""

TRIES = 3
"""How often an answer that does not fit the schema is asked for again, with another seed."""

STEP = 0.3
"""The most that interest or trust may rise in one turn.

One sentence does not turn a stranger into a friend.
"""

NO_CONCERN = "none"


class Verdict(BaseModel):
    """What the language model answers each turn; levels are whole numbers from 0 to 10."""

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
    """The paper's Manager (GPT-4o there): any backend that can answer within a JSON schema.

    The model proposes; the rules shared with ``chain`` dispose. Only a concern that the customer
    stated can be settled, one a turn; interest and trust rise by at most 0.3 a turn and patience
    never; a deal needs what :func:`ending` asks. So a judge that is talked into something by the
    salesperson still cannot give a deal away.

    Args:
        group: The cohort it directs.
    """

    def __init__(self, group: Group) -> None:
        """Lay out the schema: the stages it may choose are those that do not end a call."""
        self._taxonomy = group.taxonomy
        stages = group.taxonomy.customer_stages(
            "open", "neutral", "concern", "confused", "defer", "warm"
        )
        schema = Verdict.model_json_schema()
        schema["properties"]["stage"]["enum"] = stages
        schema["properties"]["concern"]["enum"] = [*group.taxonomy.concerns, NO_CONCERN]
        schema["additionalProperties"] = False
        self._schema, self._stages = schema, frozenset(stages)

    def decide(
        self, call: Call, heard: SanitizedUtterance
    ) -> Generator[Complete, Completion, Decision]:
        """Ask for a verdict and act on it.

        Yields one ``Complete``, and more only if the answer does not fit.

        Raises:
            SimulatorError: if no answer fits the schema in three tries.
        """
        if not call.memory:
            call.memory.append(manager_system(call.group, call.profile))
        nearness = call.candidates.nearness(
            call.state, "", None
        )  # of the state before: what comes next is chosen by it
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

    def _ask(self, call: Call) -> Generator[Complete, Completion, Verdict]:
        messages: list[Message] = [call.memory[0], *call.history[1:], _question(call.state)]
        reason = ""
        for _ in range(TRIES):
            seed = int(call.rng.integers(2**31))
            completion = yield Complete("manager", messages, SAMPLING, seed, self._schema)
            try:
                verdict = Verdict.model_validate_json(completion.text)
            except ValidationError as error:
                reason = f"{error.error_count()} errors, the first: {error.errors()[0]['msg']}"
                continue
            if verdict.stage in self._stages:
                return verdict
            reason = f"unknown stage {verdict.stage!r}"
        raise SimulatorError(
            f"The Manager's model gave no answer that fits the schema in {TRIES} tries: {reason}"
        )

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
    """Move ``state`` as the verdict says, within the bounds that keep it from being talked into a deal."""
    state.turn += 1
    state.patience = min(state.patience, verdict.patience / 10)
    interest, trust = verdict.interest / 10, verdict.trust / 10
    if move.wasted:
        interest, trust = min(interest, state.interest), min(trust, state.trust)
    elif verdict.answered:
        state.settle()
    state.interest = min(interest, state.interest + STEP)
    state.trust = min(trust, state.trust + STEP)


def _question(state: CustomerState) -> Message:
    settled = ", ".join(state.settled) or NO_CONCERN
    return {
        "role": "user",
        "content": (
            f"Before this turn: interest {round(10 * state.interest)}, trust {round(10 * state.trust)}, patience "
            f"{round(10 * state.patience)}; stated and waiting for an answer: {state.stated or NO_CONCERN}; settled: "
            f"{settled}. Judge the salesperson's last turn above and direct the customer."
        ),
    }
