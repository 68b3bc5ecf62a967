"""Sampling profiles from a corpus, within constraints."""

import numpy as np
import pytest

from gsim_env.errors import ConfigurationError
from gsim_env.profiles import CorpusProfileGenerator, ProfileConstraints


def test_every_field_was_recorded_and_concerns_come_from_the_same_archetype(group):
    profiles = {call.profile.model_copy(update={"concerns": ("x",)}) for call in group.calls}
    concerns = {(call.profile.archetype, call.profile.concerns) for call in group.calls}
    rng, drawn = np.random.default_rng(0), set()
    for _ in range(300):
        profile = group.profile_generator.sample(rng, ProfileConstraints())
        assert profile.model_copy(update={"concerns": ("x",)}) in profiles
        assert (profile.archetype, profile.concerns) in concerns
        drawn.add(profile)
    assert len(drawn) > 200
    assert {profile.archetype for profile in drawn} == set(group.config.archetypes)


def test_an_archetype_without_a_profile_is_never_drawn_and_refused_when_asked_for(group):
    profiles = [call.profile for call in group.calls if call.profile.archetype != "status_quo"]
    generator = CorpusProfileGenerator(profiles, group.config.archetypes)
    rng = np.random.default_rng(0)
    drawn = [generator.sample(rng, ProfileConstraints()) for _ in range(100)]
    assert "status_quo" not in {profile.archetype for profile in drawn}
    with pytest.raises(ConfigurationError, match="status_quo"):
        generator.sample(rng, ProfileConstraints(archetype="status_quo"))
    with pytest.raises(ConfigurationError, match="no profile of any archetype"):
        CorpusProfileGenerator([], group.config.archetypes)
