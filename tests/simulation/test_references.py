"""The reference utterances of a guidance: what this customer could say too, and nothing twice."""

import numpy as np
import pytest

from gsim_env.models.encoders import HashingEncoder
from gsim_env.simulation.candidate_steps import CandidateSteps, is_reusable, references
from gsim_env.sop.index import index_calls
from gsim_env.sop.personal_terms import words


@pytest.fixture(scope="module")
def chains(group):
    return index_calls(group.calls[:40], HashingEncoder()).chains()


def refer(candidates, group, stage, concern=None, used=()):
    return references(
        candidates, np.arange(len(candidates.steps)) / 1e3, stage, concern, group.taxonomy, used
    )


def test_what_is_about_anothers_life_comes_only_when_nothing_else_is_left(group, chains):
    profile = group.calls[60].profile
    candidates = CandidateSteps.of(chains, group, profile)
    assert 0.1 < candidates.is_reusable.mean() < 0.5
    own = words(f"{profile.name} {profile.listing} {profile.text}")
    for stage in group.taxonomy.customer:
        used: set[str] = set()
        told = []
        while fresh := set(refer(candidates, group, stage, used=used)) - used:
            told.append(fresh)
            used |= fresh
        strange = [not any(is_reusable(line, group, own) for line in lines) for lines in told]
        examples = set(group.taxonomy.customer[stage].examples)
        strange = [odd and not lines <= examples for odd, lines in zip(strange, told, strict=True)]
        assert strange == sorted(strange), stage
        assert examples <= used


def test_a_name_is_for_those_who_know_it_and_an_odd_word_needs_five_others_around_it(group):
    line = next(t.text for call in group.calls for t in call.customer_turns() if "Enzo" in t.text)
    assert not is_reusable(line, group, frozenset())
    assert is_reusable(line, group, group.personal_terms.in_text(line))
    rare = next(word for call in group.calls for t in call.customer_turns() for word in sorted(group.personal_terms.in_text(t.text))
                if not group.personal_terms.proper_nouns(word.capitalize()))  # fmt: skip
    assert is_reusable(f"no we do not have {rare}", group, frozenset())
    assert not is_reusable(f"we do not have {rare}", group, frozenset())


def test_nothing_is_shown_twice_while_there_is_anything_else_and_something_always_is(group, chains):
    candidates = CandidateSteps.of(chains[:1], group, group.calls[0].profile)
    first = refer(candidates, group, "stalling")
    second = refer(candidates, group, "stalling", used=first)
    assert first
    assert second
    assert not set(first) & set(second)
    everything = {
        *group.taxonomy.customer["stalling"].examples,
        *(step.customer for step in candidates.steps),
    }
    assert refer(candidates, group, "stalling", used=everything)


def test_a_concern_that_the_chains_do_not_raise_is_worded_by_the_taxonomy_in_each_customers_own_order(
    group, chains
):
    shown = {}
    for call in group.calls[:12]:
        quiet = [chain for chain in chains if all(step.concern != "payout" for step in chain.steps)]
        shown[call.id] = refer(
            CandidateSteps.of(quiet, group, call.profile), group, "objection", "payout"
        )
        assert set(shown[call.id]) <= set(group.taxonomy.concerns["payout"].raised)
    assert len(set(shown.values())) > 4


def test_a_concern_that_is_raised_at_another_stage_only_is_worded_by_that(group, chains):
    profile = group.calls[0].profile
    candidates = CandidateSteps.of(chains, group, profile)
    at = {
        (step.stage, step.concern)
        for step, fits in zip(candidates.steps, candidates.is_reusable, strict=True)
        if fits
    }
    stage, concern = next(
        (stage, concern) for _, concern in sorted(at, key=str) if concern for stage in group.taxonomy.customer
        if (stage, concern) not in at
    )  # fmt: skip
    recorded = {step.customer for step in candidates.steps if step.concern == concern}
    assert set(refer(candidates, group, stage, concern)) <= recorded
