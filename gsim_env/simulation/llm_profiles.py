"""p ~ P(p | constraints) by a language model (section 3.2.1).

The request I_gen, on which D_gen trains a profile model too.
"""

import json
from collections.abc import Generator
from typing import Any

import numpy as np
from pydantic import ValidationError

from gsim_env.errors import ConfigurationError, SimulatorError
from gsim_env.groups import Group
from gsim_env.models import Complete, Completion, Message, Sampling
from gsim_env.profiles import CustomerProfile, ProfileConstraints

__all__ = ["LLMProfileGenerator", "instruction"]

SAMPLING = Sampling(temperature=0.9, top_p=0.95, max_tokens=800)

TRIES = 5
"""How often a profile that breaks its constraints is asked for again, with another seed."""

LONGEST_LIST, LONGEST_TEXT = 4, 120
"""Items and characters: a profile fits into the tokens."""


class LLMProfileGenerator:
    """Any backend that can answer within a JSON schema, or one that was trained on D_gen.

    Args:
        group: The cohort.
    """

    def __init__(self, group: Group) -> None:
        """Lay out the schema."""
        self._group = group
        # No uniqueItems: llama.cpp drops a whole schema that asks for it, without a word.
        text = {"type": "string", "minLength": 1, "maxLength": LONGEST_TEXT}
        texts = {"type": "array", "items": text, "minItems": 1, "maxItems": LONGEST_LIST}
        concerns = {
            "type": "array",
            "items": {"enum": list(group.taxonomy.concerns)},
            "minItems": 1,
        }
        properties: dict[str, Any] = dict.fromkeys(CustomerProfile.model_fields, text)
        properties |= dict.fromkeys(("facts", "traits", "pain_points"), texts)
        properties |= {"archetype": {"enum": list(group.config.archetypes)}}
        properties |= {"concerns": concerns | {"maxItems": LONGEST_LIST}}
        self._schema: dict[str, Any] = {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }

    def sample(
        self, rng: np.random.Generator, constraints: ProfileConstraints
    ) -> Generator[Complete, Completion, CustomerProfile]:
        """Ask for one profile.

        Yields a ``Complete``, and more only if the answer breaks the constraints.

        Raises:
            SimulatorError: if no answer met them in five tries.
        """
        schema = self._schema
        if constraints.archetype is not None:
            properties = {
                **self._schema["properties"],
                "archetype": {"enum": [constraints.archetype]},
            }
            schema = {**schema, "properties": properties}
        messages: list[Message] = [
            {"role": "user", "content": instruction(self._group, constraints)}
        ]
        reason = ""
        for _ in range(TRIES):
            completion = yield Complete(
                "profile", messages, SAMPLING, int(rng.integers(2**31)), schema
            )
            try:
                profile = CustomerProfile.model_validate_json(completion.text)
                profile = profile.model_copy(
                    update={"concerns": tuple(dict.fromkeys(profile.concerns))}
                )
                self._group.check_profile(profile)
            except (ValidationError, ConfigurationError) as error:
                reason = str(error)
                continue
            if constraints.admits(profile):
                return profile
            reason = f"it breaks the constraints: {completion.text:.200}"
        raise SimulatorError(
            f"The profile model gave no profile that fits in {TRIES} tries; of the last, {reason}"
        )


def instruction(group: Group, constraints: ProfileConstraints) -> str:
    """Return I_gen.

    The request for a profile of ``group`` under ``constraints``, as a model is given it.
    """
    wanted = {key: value for key, value in constraints.model_dump(mode="json").items() if value}
    fields = ", ".join(CustomerProfile.model_fields)
    archetypes = "; ".join(
        f"{name}: {archetype.definition}" for name, archetype in group.config.archetypes.items()
    )
    return (
        f"Generate a customer profile of the group {group.config.name!r} as one JSON object with the fields {fields}.\n"
        f"Archetypes: {archetypes}.\nConcerns: {', '.join(group.taxonomy.concerns)}.\n"
        f"Constraints: {json.dumps(wanted, ensure_ascii=False)}"
    )
