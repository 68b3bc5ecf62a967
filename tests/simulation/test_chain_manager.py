"""What comes next in a call: steps of like customers, within what the state allows."""

from collections import Counter

import numpy as np

from gsim_env.models.encoders import HashingEncoder
from gsim_env.simulation.candidate_steps import CandidateSteps
from gsim_env.simulation.chain_manager import ChainManager
from gsim_env.simulation.manager import Call
from gsim_env.simulation.prompts import customer_system
from gsim_env.simulation.sales_classifier import SalesMoveClassifier
from gsim_env.simulation.state import CustomerState, SalesMove
from gsim_env.sop.index import index_calls


def test_asking_too_early_without_concerns_does_not_warm(group):
    encoder = HashingEncoder()
    profile = group.calls[60].profile
    candidates = CandidateSteps.of(index_calls(group.calls[:40], encoder).chains(), group, profile)
    state = CustomerState(
        0.05, 0.2, 0.5, [], settled=list(profile.concerns), stage="objection", turn=5
    )
    call = Call(
        group,
        profile,
        candidates,
        state,
        np.random.default_rng(0),
        [customer_system(group, profile)],
    )
    assert not state.would_accept(call.dynamics)
    manager = ChainManager(group, SalesMoveClassifier(group, encoder))
    asked = SalesMove("ask", "close", asks=True)
    drawn = [
        manager._next(call, asked, None, candidates.nearness(state, "close", None))
        for _ in range(200)
    ]
    assert {concern for _, concern in drawn} == {None}
    kinds = Counter(group.taxonomy.customer[stage].kind for stage, _ in drawn)
    assert set(kinds) == {"neutral", "defer"}
    assert kinds["neutral"] > kinds["defer"]
