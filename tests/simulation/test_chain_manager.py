"""What comes next in a call: steps of like customers, within what the state allows."""

from collections import Counter

from gsim_env.models.encoders import HashingEncoder
from gsim_env.simulation.chain_manager import ChainManager
from gsim_env.simulation.sales_classifier import SalesMoveClassifier
from gsim_env.simulation.state import CustomerState, SalesMove


def test_asking_too_early_without_concerns_does_not_warm(group, make_call):
    settled = list(group.calls[60].profile.concerns)
    state = CustomerState(0.05, 0.2, 0.5, [], settled=settled, stage="objection", turn=5)
    call = make_call(profile_index=60, indexed_calls=40, state=state)
    assert not state.would_accept(call.dynamics)
    manager = ChainManager(group, SalesMoveClassifier(group, HashingEncoder()))
    asked = SalesMove("ask", "close", asks=True)
    drawn = [
        manager._next(call, asked, None, call.candidates.nearness(state, "close", None))
        for _ in range(200)
    ]
    assert {concern for _, concern in drawn} == {None}
    kinds = Counter(group.taxonomy.customer[stage].kind for stage, _ in drawn)
    assert set(kinds) == {"neutral", "defer"}
    assert kinds["neutral"] > kinds["defer"]
