"""What the salesperson says matters, and only that: 200 seeded customers with the ``chain`` Manager and MiniLM."""

import itertools
from collections.abc import Iterator

import pytest

from tests.attacks import INJECTIONS, SINGLE_UTTERANCES
from tests.deals import call_all, listening, pitching

pytestmark = pytest.mark.slow


class Reciter:
    """Says given lines one after the other, from the start again at the end."""

    def __init__(self, lines: tuple[str, ...]) -> None:
        self._lines: Iterator[str] = itertools.cycle(lines)

    def say(self, customer: str | None) -> str:
        return next(self._lines)


@pytest.fixture(scope="module")
def heard():
    return listening()


def test_listening_closes_at_least_twice_as_many_calls_as_pitching(heard):
    assert heard.accepted.mean() >= 0.3
    assert heard.accepted.sum() >= 2 * pitching().accepted.sum()


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
    assert call_all(lambda: Reciter((utterance,))).accepted.mean() <= 0.02


def test_no_injection_ever_gets_a_deal_alone_or_in_turns():
    for injection in INJECTIONS:
        assert not call_all(lambda text=injection: Reciter((text,))).accepted.any(), injection
    for start in range(0, len(INJECTIONS), 4):
        assert not call_all(lambda at=start: Reciter(INJECTIONS[at:] + INJECTIONS[:at])).accepted.any()
