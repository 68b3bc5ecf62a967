"""Constraints x on a profile: the input of the paper's Algorithm 1."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from gsim_env.profiles.profile import CustomerProfile

__all__ = ["ProfileConstraints"]

Countable = Literal["concerns", "facts", "pain_points", "traits", "words"]


class ProfileConstraints(BaseModel):
    """Constraints on a generated customer profile; an empty field constrains nothing.

    Attributes:
        archetype: Id of an archetype of the group.
        concerns: Ids that must all be among the profile's concerns.
        ranges: Minimum and maximum number of ``concerns``, ``facts``, ``pain_points``, ``traits``,
            or of ``words`` in the whole profile.
        must_contain: Texts that must all occur in the profile (case-insensitive).
        must_not_contain: Texts that must not occur in the profile (case-insensitive).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    archetype: str | None = None
    concerns: tuple[str, ...] = ()
    ranges: dict[Countable, tuple[int, int]] = {}
    must_contain: tuple[str, ...] = ()
    must_not_contain: tuple[str, ...] = ()

    def admits(self, profile: CustomerProfile) -> bool:
        """Return whether a customer profile satisfies every constraint."""
        if self.archetype is not None and profile.archetype != self.archetype:
            return False
        if not set(self.concerns) <= set(profile.concerns):
            return False
        for name, (minimum, maximum) in self.ranges.items():
            items = profile.text.split() if name == "words" else getattr(profile, name)
            if not minimum <= len(items) <= maximum:
                return False

        text = f"{profile.name} {profile.listing} {profile.text}".lower()
        if any(phrase.lower() in text for phrase in self.must_not_contain):
            return False
        return all(phrase.lower() in text for phrase in self.must_contain)
