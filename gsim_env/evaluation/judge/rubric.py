"""What the judge is told and asked.

Three evaluators with their dimensions (section 2.2.1; appendix E, tables 9 to 11).
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Template
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from gsim_env.dialogue import Outcome
from gsim_env.evaluation.records import EvaluatedCall
from gsim_env.groups import Group
from gsim_env.groups.bundle import read_prompt
from gsim_env.models import Message
from gsim_env.profiles import CustomerProfile
from gsim_env.util.text_safety import sanitize

__all__ = [
    "EVALUATORS",
    "HIGHEST",
    "SHORT",
    "Evaluator",
    "described",
    "prompt",
    "shown_ending",
    "shown_profile",
    "shown_transcript",
]

PROMPTS = Path(__file__).parent / "prompts"

HIGHEST = 10
"""Scores are whole numbers from 0 to this."""

SHORT = r'^[^"\\\n]{1,300}$'
"""What a reason may be, in the schema only.

Small models do not know when to stop, and the scores come after it.
"""

ENDINGS = {
    Outcome.ACCEPTED: "C agreed",
    Outcome.DECLINED: "C declined",
    Outcome.HUNG_UP: "C hung up",
    Outcome.SALES_ENDED: "S took leave",
    Outcome.TURN_LIMIT: "the recording ends here",
}


class Scored(BaseModel):
    """What an evaluator answers; strict, for ``true`` and ``"7"`` are no scores."""

    model_config = ConfigDict(strict=True)

    reasoning: str
    scores: dict[str, Annotated[int, Field(ge=0, le=HIGHEST)]]


@dataclass(frozen=True, slots=True)
class Evaluator:
    """One of the three judges of section 2.2.1.

    Attributes:
        name: Of the figure that is the mean of the dimensions.
        dimensions: What is scored from 0 to 10 each.
    """

    name: str
    dimensions: tuple[str, ...]

    def ordered(self, *, backwards: bool = False) -> tuple[str, ...]:
        """Return the dimensions in the order they are asked for."""
        return self.dimensions[::-1] if backwards else self.dimensions

    def schema(self, *, backwards: bool = False) -> dict[str, Any]:
        """Return the JSON schema of an answer.

        The reasoning first, so that the scores follow from it.
        """
        names = self.ordered(backwards=backwards)
        # A new object each: one that occurs twice would make no difference to JSON, but would to whoever edits it.
        scores = {name: {"type": "integer", "minimum": 0, "maximum": HIGHEST} for name in names}
        return _object(
            {"reasoning": {"type": "string", "pattern": SHORT}, "scores": _object(scores)}
        )

    def prompt(self, group: Group, *, backwards: bool = False) -> str:
        """Return the system message.

        The same for all calls of a group, so that servers can cache it.
        """
        dimensions = (described(name) for name in self.ordered(backwards=backwards))
        return prompt("judge", "task", "brief", "dimensions", "rules").substitute(
            task=prompt(self.name).template,
            brief=sanitize(group.config.brief),
            dimensions="\n".join(dimensions),
            rules=prompt("rules").template,
        )

    def messages(
        self, group: Group, call: EvaluatedCall, *, backwards: bool = False
    ) -> list[Message]:
        """Return the whole prompt for a call; it names neither the method nor the salesperson.

        Raises:
            ConfigurationError: if the customer's archetype is none of the group's.
        """
        group.check_profile(call.profile)
        archetype = group.config.archetypes[call.profile.archetype]
        about = prompt("call", "label", "definition", "profile", "transcript", "ending").substitute(
            label=sanitize(archetype.judge_label),
            definition=sanitize(archetype.definition),
            profile=shown_profile(call.profile),
            transcript=shown_transcript(call),
            ending=shown_ending(call),
        )
        system = self.prompt(group, backwards=backwards)
        return [{"role": "system", "content": system}, {"role": "user", "content": about}]

    def read(self, text: str) -> dict[str, Any]:
        """Return an answer as ``{"reasoning": text, "scores": {dimension: 0 to 10}}``.

        Raises:
            ValueError: if it does not fit: a backend may take the schema for a hint.
        """
        answer = Scored.model_validate_json(text)
        if answer.scores.keys() != set(self.dimensions):
            raise ValueError(
                f"scores of {', '.join(answer.scores)}, expected {', '.join(self.dimensions)}"
            )
        scores = {name: answer.scores[name] for name in self.dimensions}
        return {"reasoning": sanitize(answer.reasoning), "scores": scores}


EVALUATORS = {
    evaluator.name: evaluator
    for evaluator in (
        Evaluator("profile_consistency", ("category_alignment", "profile_adherence")),
        Evaluator("business_realism", ("brevity", "naturalness", "context_immersion")),
        Evaluator("interaction_logic", ("intent_responsiveness", "logic_consistency")),
    )
}
"""S_PC, S_BR and S_IL by name."""


@cache
def prompt(name: str, *fields: str) -> Template:
    """Return a text of the folder ``prompts``.

    Raises:
        CorpusError: if it has a placeholder that is not among ``fields``.
    """
    return read_prompt(PROMPTS / f"{name}.txt", fields)


def described(dimension: str) -> str:
    """Return a dimension as a point of the rubric, on one line."""
    return f"- {dimension}: {sanitize(prompt(dimension).template)}"


def shown_profile(profile: CustomerProfile) -> str:
    """Return a profile as one line; the archetype stands elsewhere, as its definition."""
    return sanitize(f"{profile.name}; {profile.listing}. {profile.text}")


def shown_transcript(call: EvaluatedCall) -> str:
    """Return a call as lines of ``S:`` and ``C:``.

    What was said is made one line each, so it can begin no turn of its own.
    """
    return "\n".join(
        f"S: {sanitize(turn.sales)}\nC: {sanitize(turn.customer)}" for turn in call.turns
    )


def shown_ending(call: EvaluatedCall) -> str:
    """Return how a call ended, in words."""
    return ENDINGS[call.outcome] if call.outcome else "how it ended is not known"


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    required = list(properties)
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
