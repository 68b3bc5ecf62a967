"""Prompt rendering in a fixed order (system, history, guidance), so that prefixes are reusable."""

from dataclasses import dataclass

from gsim_env.groups import Group
from gsim_env.models import ChatMessage
from gsim_env.models.protocol import QUOTE_PREFIX
from gsim_env.profiles import CustomerProfile
from gsim_env.util.text_safety import sanitize_text

__all__ = [
    "Guidance",
    "customer_system",
    "guidance_message",
    "manager_system",
    "reads_out",
    "spoken",
]

SILENCE = "..."
"""Text of a salesperson's silence in the prompt."""


@dataclass(frozen=True, slots=True)
class Guidance:
    """g_sop (Algorithm 1, line 10): the instruction for the customer model's next utterance.

    Attributes:
        stage: The customer's next SOP stage.
        stance: The mood, in the group's words.
        concern: The concern that the stage raises or presses, if any.
        references: One to three utterances of similar customers at this point.
    """

    stage: str
    stance: str
    concern: str | None
    references: tuple[str, ...]


def customer_system(group: Group, profile: CustomerProfile) -> ChatMessage:
    """Return the customer model's system message: the profile."""
    fields = {
        "name": profile.name,
        "description": profile.description,
        "situation": profile.situation,
        "facts": "; ".join(profile.facts),
        "pain_points": "; ".join(profile.pain_points),
        "traits": ", ".join(profile.traits),
        "style": profile.style,
    }
    content = group.prompts["customer"].substitute(
        {key: sanitize_text(value) for key, value in fields.items()}
    )
    return {"role": "system", "content": content}


def guidance_message(group: Group, guidance: Guidance) -> ChatMessage:
    """Return a guidance as the last prompt message of the customer model.

    It is the only message of a prompt that later prompts do not repeat.
    """
    concern = guidance.concern
    content = group.prompts["guidance"].substitute(
        stage=guidance.stage,
        definition=group.taxonomy.customer[guidance.stage].definition,
        stance=guidance.stance,
        concern="none"
        if concern is None
        else f"{concern}, {group.taxonomy.concerns[concern].definition}",
        references="\n".join(QUOTE_PREFIX + sanitize_text(text) for text in guidance.references),
    )
    return {"role": "system", "content": content}


def manager_system(group: Group, profile: CustomerProfile) -> ChatMessage:
    """Return the Manager's system message: the customer, and the legal stages and concerns."""
    taxonomy = group.taxonomy
    content = group.prompts["manager"].substitute(
        archetype=profile.archetype,
        archetype_definition=group.config.archetypes[profile.archetype].definition,
        profile=sanitize_text(profile.text),
        concerns="\n".join(
            f"- {name}: {taxonomy.concerns[name].definition}" for name in profile.concerns
        ),
        stages="\n".join(
            f"- {name}: {stage.definition}" for name, stage in taxonomy.customer.items()
        ),
    )
    return {"role": "system", "content": content}


def spoken(text: str) -> str:
    """Return the spoken line of a model's answer: first line, no control tokens, no quotes."""
    first = next((line for line in text.strip().splitlines() if line.strip()), "")
    line = sanitize_text(first).removeprefix(QUOTE_PREFIX.strip()).strip()
    if len(line) > 1 and line[0] == line[-1] == '"':
        line = line[1:-1].strip()
    return line


def reads_out(text: str, guidance: ChatMessage) -> bool:
    """Return whether an utterance repeats an instruction of its guidance (references excepted)."""
    lines = guidance["content"].splitlines()
    return any(line in text for line in lines if line and not line.startswith(QUOTE_PREFIX))
