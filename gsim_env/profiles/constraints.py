"""Constraints x on a profile: what the paper's Algorithm 1 takes as its input."""

from pydantic import BaseModel, ConfigDict

from gsim_env.profiles.profile import CustomerProfile

__all__ = ["ProfileConstraints"]


class ProfileConstraints(BaseModel):
    """What a generated profile must satisfy; an empty field constrains nothing.

    Attributes:
        archetype: Id of an archetype of the group.
        concerns: Ids that must all be among the profile's concerns.
        must_contain: Texts that must all occur in the profile (case-insensitive).
        must_not_contain: Texts none of which may occur in it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    archetype: str | None = None
    concerns: tuple[str, ...] = ()
    must_contain: tuple[str, ...] = ()
    must_not_contain: tuple[str, ...] = ()

    def admits(self, profile: CustomerProfile) -> bool:
        """Return whether ``profile`` satisfies every constraint."""
        if self.archetype is not None and profile.archetype != self.archetype:
            return False
        if not set(self.concerns) <= set(profile.concerns):
            return False
        text = f"{profile.name} {profile.listing} {profile.text}".lower()
        return all(word.lower() in text for word in self.must_contain) and not any(
            word.lower() in text for word in self.must_not_contain
        )
