"""Customer profiles by a language model: p ~ P(p | constraints) (section 3.2.1).

D_gen trains a profile model on the same request I_gen.
"""

import json
from collections.abc import Generator
from typing import Any

import numpy as np

from gsim_env.groups import Group
from gsim_env.models import ChatMessage, Completion, CompletionRequest, SamplingParams
from gsim_env.models.json_answers import request_json_answer
from gsim_env.profiles import CustomerProfile, ProfileConstraints

__all__ = ["LLMProfileGenerator", "instruction"]

SAMPLING = SamplingParams(temperature=0.9, top_p=0.95, max_tokens=800)

TRIES = 5
"""Maximum number of requests until a profile meets its constraints, each with another seed."""

MAX_ITEMS = 4
MAX_CHARS = 120
"""Bounds of a profile's lists and texts, so that a profile fits into ``max_tokens``."""


class LLMProfileGenerator:
    """Generator of customer profiles by a language model (JSON schema, or trained on D_gen).

    Args:
        group: The cohort.
    """

    def __init__(self, group: Group) -> None:
        """Build the schema."""
        self._group = group
        # No uniqueItems: llama.cpp silently ignores a schema that has it.
        text = {"type": "string", "minLength": 1, "maxLength": MAX_CHARS}
        texts = {"type": "array", "items": text, "minItems": 1, "maxItems": MAX_ITEMS}
        concerns = {
            "type": "array",
            "items": {"enum": list(group.taxonomy.concerns)},
            "minItems": 1,
        }

        properties: dict[str, Any] = dict.fromkeys(CustomerProfile.model_fields, text)
        properties |= dict.fromkeys(("facts", "traits", "pain_points"), texts)
        properties |= {"archetype": {"enum": list(group.config.archetypes)}}
        properties |= {"concerns": concerns | {"maxItems": MAX_ITEMS}}

        self._schema: dict[str, Any] = {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }

    def sample(
        self, rng: np.random.Generator, constraints: ProfileConstraints
    ) -> Generator[CompletionRequest, Completion, CustomerProfile]:
        """Generate one customer profile that meets the constraints.

        Yields one ``CompletionRequest``, and more only if an answer breaks the constraints.

        Raises:
            SimulatorError: if no answer meets them in five tries.
        """
        schema = self._schema_for(constraints)
        content = instruction(self._group, constraints)

        def request(_: int) -> CompletionRequest:
            messages: list[ChatMessage] = [{"role": "user", "content": content}]
            return CompletionRequest(
                "profile", messages, SAMPLING, int(rng.integers(2**31)), schema
            )

        def read(text: str) -> CustomerProfile:
            return self._read(text, constraints)

        subject = "The profile model"
        return (yield from request_json_answer(request, read, subject=subject, tries=TRIES))

    def _schema_for(self, constraints: ProfileConstraints) -> dict[str, Any]:
        """Return the schema, with the archetype of the constraints only."""
        if constraints.archetype is None:
            return self._schema

        archetype = {"archetype": {"enum": [constraints.archetype]}}
        return {**self._schema, "properties": self._schema["properties"] | archetype}

    def _read(self, text: str, constraints: ProfileConstraints) -> CustomerProfile:
        """Parse an answer; raises a ValueError if it is not a legal profile."""
        profile = CustomerProfile.model_validate_json(text)
        concerns = tuple(dict.fromkeys(profile.concerns))
        profile = profile.model_copy(update={"concerns": concerns})

        self._group.check_profile(profile)
        if not constraints.admits(profile):
            raise ValueError(f"it breaks the constraints: {text:.200}")
        return profile


def instruction(group: Group, constraints: ProfileConstraints) -> str:
    """Return the prompt I_gen that asks a model for a customer profile under constraints."""
    given = {key: value for key, value in constraints.model_dump(mode="json").items() if value}
    fields = ", ".join(CustomerProfile.model_fields)
    archetypes = "; ".join(
        f"{name}: {archetype.definition}" for name, archetype in group.config.archetypes.items()
    )

    return (
        f"Generate a customer profile of the group {group.config.name!r} "
        f"as one JSON object with the fields {fields}.\n"
        f"Archetypes: {archetypes}.\nConcerns: {', '.join(group.taxonomy.concerns)}.\n"
        f"Constraints: {json.dumps(given, ensure_ascii=False)}"
    )
