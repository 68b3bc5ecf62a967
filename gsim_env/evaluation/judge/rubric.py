"""The judge's rubric: evaluators, dimensions and prompts (section 2.2.1, appendix E)."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Template
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from gsim_env.dialogue import Outcome
from gsim_env.evaluation.records import EvaluatedCall
from gsim_env.groups import Group
from gsim_env.groups.bundle import read_prompt_template
from gsim_env.models import ChatMessage
from gsim_env.profiles import CustomerProfile
from gsim_env.util.text_safety import sanitize_text

__all__ = [
    "EVALUATORS",
    "MAX_SCORE",
    "REASON_PATTERN",
    "Evaluator",
    "EvaluatorAnswer",
    "describe_outcome",
    "dimension_rubric_line",
    "format_transcript",
    "json_object_schema",
    "judge_prompt_template",
    "profile_as_line",
]

PROMPTS = Path(__file__).parent / "prompts"

MAX_SCORE = 10
"""Scores are integers from 0 to this."""

REASON_PATTERN = r'^[^"\\\n]{1,300}$'
"""The form of a reason, in the schema only: small models do not stop before the scores."""

ENDINGS = {
    Outcome.ACCEPTED: "C agreed",
    Outcome.DECLINED: "C declined",
    Outcome.HUNG_UP: "C hung up",
    Outcome.SALES_ENDED: "S took leave",
    Outcome.TURN_LIMIT: "the recording ends here",
}


class EvaluatorAnswer(BaseModel):
    """An evaluator's parsed answer: the judge's reasoning, and a score for each dimension.

    Strict, because ``true`` and ``"7"`` are not scores.

    Attributes:
        reasoning: Why, in the judge's words.
        scores: 0 to 10 by dimension.
    """

    model_config = ConfigDict(strict=True)

    reasoning: str
    scores: dict[str, Annotated[int, Field(ge=0, le=MAX_SCORE)]]


@dataclass(frozen=True, slots=True)
class Evaluator:
    """One part of the judge (section 2.2.1): scored dimensions, prompt and answer schema.

    Attributes:
        name: Name of the evaluator and of its score, the mean of the dimensions.
        dimensions: The names of its dimensions, each scored from 0 to 10.
    """

    name: str
    dimensions: tuple[str, ...]

    def ordered_dimensions(self, *, backwards: bool = False) -> tuple[str, ...]:
        """Return the evaluator's dimensions in the order in which the prompt lists them."""
        return self.dimensions[::-1] if backwards else self.dimensions

    def answer_schema(self, *, backwards: bool = False) -> dict[str, JsonValue]:
        """Return the JSON schema of an evaluator's answer: reasoning first, then scores."""
        scores: dict[str, JsonValue] = {}
        for name in self.ordered_dimensions(backwards=backwards):
            scores[name] = {"type": "integer", "minimum": 0, "maximum": MAX_SCORE}
        reasoning: JsonValue = {"type": "string", "pattern": REASON_PATTERN}
        return json_object_schema({"reasoning": reasoning, "scores": json_object_schema(scores)})

    def system_prompt(self, group: Group, *, backwards: bool = False) -> str:
        """Return the evaluator's system prompt; servers can cache it: all calls share it."""
        dimensions = [
            dimension_rubric_line(name) for name in self.ordered_dimensions(backwards=backwards)
        ]
        return judge_prompt_template("judge", "task", "brief", "dimensions", "rules").substitute(
            task=judge_prompt_template(self.name).template,
            brief=sanitize_text(group.config.brief),
            dimensions="\n".join(dimensions),
            rules=judge_prompt_template("rules").template,
        )

    def rating_messages(
        self, group: Group, call: EvaluatedCall, *, backwards: bool = False
    ) -> list[ChatMessage]:
        """Return the chat messages that ask the evaluator to rate one call.

        They name neither the method nor the salesperson.

        Raises:
            ConfigurationError: if the group does not define the customer's archetype.
        """
        group.check_profile(call.profile)
        archetype = group.config.archetypes[call.profile.archetype]
        fields = ("label", "definition", "profile", "transcript", "ending")
        user = judge_prompt_template("call", *fields).substitute(
            label=sanitize_text(archetype.judge_label),
            definition=sanitize_text(archetype.definition),
            profile=profile_as_line(call.profile),
            transcript=format_transcript(call),
            ending=describe_outcome(call),
        )

        system = self.system_prompt(group, backwards=backwards)
        return [{"role": "system", "content": system}, {"role": "user", "content": user}]

    def parse_answer(self, text: str) -> EvaluatorAnswer:
        """Parse an evaluator's JSON answer, and sanitize its reasoning.

        Raises:
            ValueError: if it does not fit: some backends treat the schema as a hint.
        """
        answer = EvaluatorAnswer.model_validate_json(text)
        if answer.scores.keys() != set(self.dimensions):
            raise ValueError(
                f"scores of {', '.join(answer.scores)}, expected {', '.join(self.dimensions)}"
            )
        scores = {name: answer.scores[name] for name in self.dimensions}
        return EvaluatorAnswer(reasoning=sanitize_text(answer.reasoning), scores=scores)


PROFILE_CONSISTENCY = Evaluator("profile_consistency", ("category_alignment", "profile_adherence"))
BUSINESS_REALISM = Evaluator("business_realism", ("brevity", "naturalness", "context_immersion"))
INTERACTION_LOGIC = Evaluator("interaction_logic", ("intent_responsiveness", "logic_consistency"))

EVALUATORS = {
    evaluator.name: evaluator
    for evaluator in (PROFILE_CONSISTENCY, BUSINESS_REALISM, INTERACTION_LOGIC)
}
"""S_PC, S_BR and S_IL by name."""


@cache
def judge_prompt_template(name: str, *fields: str) -> Template:
    """Return a prompt template of the judge from the folder ``prompts``.

    Raises:
        CorpusError: if it has a placeholder that is not among ``fields``.
    """
    return read_prompt_template(PROMPTS / f"{name}.txt", fields)


def dimension_rubric_line(dimension: str) -> str:
    """Return a dimension's name and rubric text as one list item."""
    return f"- {dimension}: {sanitize_text(judge_prompt_template(dimension).template)}"


def profile_as_line(profile: CustomerProfile) -> str:
    """Return a customer profile as one line of text, without its archetype."""
    return sanitize_text(f"{profile.name}; {profile.listing}. {profile.text}")


def format_transcript(call: EvaluatedCall) -> str:
    """Return a call as lines of ``S:`` and ``C:``, one line per utterance."""
    lines: list[str] = []
    for turn in call.turns:
        lines += [f"S: {sanitize_text(turn.sales)}", f"C: {sanitize_text(turn.customer)}"]
    return "\n".join(lines)


def describe_outcome(call: EvaluatedCall) -> str:
    """Return how a call ended, in words for the judge and for human raters."""
    return ENDINGS[call.outcome] if call.outcome else "how it ended is not known"


def json_object_schema(properties: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Return the JSON schema of an object with exactly these properties."""
    required: list[JsonValue] = list(properties)
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
