"""What the salesperson says matters, and only that.

200 seeded customers with the ``chain`` Manager and MiniLM.
"""

import itertools

import pytest

from gsim_env.models.registry import build_encoder
from gsim_env.simulation.drivers import Services
from tests.helpers.attacks import INJECTIONS, SINGLE_UTTERANCES
from tests.helpers.sales_calls import call_all, call_by

pytestmark = pytest.mark.slow


class Reciters:
    """A team that says given lines one after the other, from the start again at the end."""

    services = Services({}, build_encoder("hashing"))

    def __init__(self, lines: tuple[str, ...]) -> None:
        self._lines = lines

    def new_call(self, brief, rng) -> "Reciter":
        return Reciter(self._lines)


class Reciter:
    def __init__(self, lines: tuple[str, ...]) -> None:
        self._lines = itertools.cycle(lines)

    def respond(self, heard: str | None):
        return next(self._lines)
        yield


@pytest.fixture(scope="module")
def heard():
    return call_by("scripted")


@pytest.fixture(scope="module")
def unheard():
    return call_by("pitching")


def test_listening_closes_at_least_twice_as_many_calls_as_pitching(heard, unheard):
    assert heard.accepted.mean() >= 0.3
    assert heard.accepted.sum() >= 2 * unheard.accepted.sum()


def test_saying_what_won_other_calls_closes_more_calls_than_pitching_and_is_repeatable(unheard):
    won = call_by("outline")
    assert won.accepted.mean() >= 0.3
    assert won.accepted.sum() > unheard.accepted.sum()
    assert call_by("outline").outcomes.tolist() == won.outcomes.tolist()


def test_archetypes_accept_in_the_direction_their_definitions_say(heard):
    rate = heard.acceptance()
    assert rate["resistance_heavy"] == min(rate.values())
    assert rate["resistance_heavy"] + 0.15 < min(
        rate["price_sensitive"], rate["rational_skeptical"], rate["status_quo"]
    )
    assert rate["status_quo"] < rate["competition_anxious"]
    assert rate["competition_anxious"] == max(rate.values())


@pytest.mark.parametrize("utterance", SINGLE_UTTERANCES, ids=lambda text: text[:30])
def test_no_single_utterance_repeated_gets_deals(utterance):
    assert call_all(Reciters((utterance,))).accepted.mean() <= 0.02


def test_no_injection_ever_gets_a_deal_alone_or_in_turns():
    for injection in INJECTIONS:
        assert not call_all(Reciters((injection,))).accepted.any(), injection
    for start in range(0, len(INJECTIONS), 4):
        assert not call_all(Reciters(INJECTIONS[start:] + INJECTIONS[:start])).accepted.any()
