"""The reference utterances of a guidance: what this customer could say too, and nothing twice."""

from itertools import chain, product

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


def test_personal_utterances_of_others_are_the_last_resort(group, chains):
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


def test_names_of_others_are_not_reusable_and_rare_words_need_context(group):
    line = next(t.text for call in group.calls for t in call.customer_turns() if "Enzo" in t.text)
    assert not is_reusable(line, group, frozenset())
    assert is_reusable(line, group, group.personal_terms.in_text(line))
    terms = group.personal_terms
    turns = chain.from_iterable(call.customer_turns() for call in group.calls)
    rare_words = chain.from_iterable(sorted(terms.in_text(turn.text)) for turn in turns)
    rare = next(word for word in rare_words if not terms.proper_nouns(word.capitalize()))
    assert is_reusable(f"no we do not have {rare}", group, frozenset())
    assert not is_reusable(f"we do not have {rare}", group, frozenset())


def test_references_are_new_while_there_are_others(group, chains):
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


def test_a_concern_missing_in_the_chains_is_worded_by_the_taxonomy(group, chains):
    shown = {}
    for call in group.calls[:12]:
        quiet = [one for one in chains if all(step.concern != "payout" for step in one.steps)]
        shown[call.id] = refer(
            CandidateSteps.of(quiet, group, call.profile), group, "objection", "payout"
        )
        assert set(shown[call.id]) <= set(group.taxonomy.concerns["payout"].raised)
    assert len(set(shown.values())) > 4


def test_references_of_a_concern_may_be_from_other_stages(group, chains):
    profile = group.calls[0].profile
    candidates = CandidateSteps.of(chains, group, profile)
    at = {
        (step.stage, step.concern)
        for step, fits in zip(candidates.steps, candidates.is_reusable, strict=True)
        if fits
    }
    concerns = [concern for _, concern in sorted(at, key=str) if concern]
    pairs = ((stage, concern) for concern, stage in product(concerns, group.taxonomy.customer))
    stage, concern = next(pair for pair in pairs if pair not in at)
    recorded = {step.customer for step in candidates.steps if step.concern == concern}
    assert set(refer(candidates, group, stage, concern)) <= recorded
