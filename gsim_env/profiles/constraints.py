"""Constraints x on a profile: what the paper's Algorithm 1 takes as its input."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from gsim_env.profiles.profile import CustomerProfile

__all__ = ["ProfileConstraints"]

Countable = Literal["concerns", "facts", "pain_points", "traits", "words"]


class ProfileConstraints(BaseModel):
    """What a generated profile must satisfy; an empty field constrains nothing.

    Attributes:
        archetype: Id of an archetype of the group.
        concerns: Ids that must all be among the profile's concerns.
        ranges: The least and the most there may be of something: ``concerns``, ``facts``,
            ``pain_points``, ``traits``, or ``words`` of the whole profile.
        must_contain: Texts that must all occur in the profile (case-insensitive).
        must_not_contain: Texts none of which may occur in it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    archetype: str | None = None
    concerns: tuple[str, ...] = ()
    ranges: dict[Countable, tuple[int, int]] = {}
    must_contain: tuple[str, ...] = ()
    must_not_contain: tuple[str, ...] = ()

    def admits(self, profile: CustomerProfile) -> bool:
        """Return whether ``profile`` satisfies every constraint."""
        if self.archetype is not None and profile.archetype != self.archetype:
            return False
        if not set(self.concerns) <= set(profile.concerns):
            return False
        for name, (least, most) in self.ranges.items():
            counted = profile.text.split() if name == "words" else getattr(profile, name)
            if not least <= len(counted) <= most:
                return False
        text = f"{profile.name} {profile.listing} {profile.text}".lower()
        return all(word.lower() in text for word in self.must_contain) and not any(
            word.lower() in text for word in self.must_not_contain
        )
