"""Fixtures of the simulator's tests: a call before its first turn."""

import numpy as np
import pytest

from gsim_env.models.encoders import HashingEncoder
from gsim_env.simulation.candidate_steps import CandidateSteps
from gsim_env.simulation.manager import Call
from gsim_env.simulation.prompts import customer_system
from gsim_env.simulation.state import CustomerState
from gsim_env.sop.index import index_calls


@pytest.fixture
def make_call(group):
    """Return a function that builds a call from a recorded profile and the first recorded calls."""

    def make(profile_index=0, indexed_calls=1, state=None):
        profile = group.calls[profile_index].profile
        indexed = index_calls(group.calls[:indexed_calls], HashingEncoder())
        return Call(
            group,
            profile,
            CandidateSteps.of(indexed.chains(), group, profile),
            state or CustomerState(0.2, 0.2, 0.5, list(profile.concerns)),
            np.random.default_rng(0),
            [customer_system(group, profile)],
        )

    return make
