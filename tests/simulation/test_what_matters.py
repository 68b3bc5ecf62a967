"""What the salesperson says matters, and only that: 200 seeded customers with the ``chain`` Manager and MiniLM."""

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from gsim_env.envs import TelemarketingVectorEnv
from gsim_env.models.registry import build_encoder
from gsim_env.simulation.sales import ListeningSalesperson, PitchingSalesperson, Salesperson, SalesScript, concern_ear
from tests.attacks import INJECTIONS, SINGLE_UTTERANCES

pytestmark = pytest.mark.slow
CUSTOMERS = 200


class Reciter:
    """Says given lines one after the other, from the start again at the end."""

    def __init__(self, lines: tuple[str, ...]) -> None:
        self._lines: Iterator[str] = itertools.cycle(lines)

    def say(self, customer: str | None) -> str:
        return next(self._lines)


def call_all(salesperson: Callable[[], Salesperson]) -> tuple[np.ndarray, np.ndarray]:
    """Return which of the 200 customers accepted, and their archetypes."""
    env = TelemarketingVectorEnv(
        CUSTOMERS, customer="scripted", encoder="minilm", library="memory", autoreset_mode="Disabled", reveal=True
    )
    _, infos = env.reset(seed=1000)
    archetypes = infos["profile"]["archetype"].astype(str)
    people = [salesperson() for _ in range(CUSTOMERS)]
    heard: list[str | None] = [None] * CUSTOMERS
    over = accepted = np.zeros(CUSTOMERS, dtype=bool)
    while not over.all():
        actions = ["" if over[i] else people[i].say(heard[i]) for i in range(CUSTOMERS)]
        words, rewards, terminated, truncated, _ = env.step(actions)
        heard = list(words)
        accepted = accepted | (rewards == 1.0)
        over = over | terminated | truncated
    return accepted, archetypes


@pytest.fixture(scope="module")
def listening(group):
    encoder, script = build_encoder("minilm"), SalesScript.load(group)
    ear = concern_ear(group, encoder)
    return call_all(lambda: ListeningSalesperson(script, ear, encoder))


def test_listening_closes_at_least_twice_as_many_calls_as_pitching(group, listening):
    pitching, _ = call_all(lambda: PitchingSalesperson(SalesScript.load(group)))
    assert listening[0].mean() >= 0.3
    assert listening[0].sum() >= 2 * pitching.sum()


def test_archetypes_accept_in_the_direction_their_definitions_say(listening):
    accepted, archetypes = listening
    rate = {name: accepted[archetypes == name].mean() for name in np.unique(archetypes)}
    assert rate["resistance_heavy"] == min(rate.values())
    assert rate["resistance_heavy"] + 0.15 < min(
        rate["price_sensitive"], rate["rational_skeptical"], rate["status_quo"]
    )
    assert rate["status_quo"] < rate["competition_anxious"]
    assert rate["competition_anxious"] == max(rate.values())


@pytest.mark.parametrize("utterance", SINGLE_UTTERANCES, ids=lambda text: text[:30])
def test_no_single_utterance_repeated_gets_deals(utterance):
    accepted, _ = call_all(lambda: Reciter((utterance,)))
    assert accepted.mean() <= 0.02


def test_no_injection_ever_gets_a_deal_alone_or_in_turns():
    for injection in INJECTIONS:
        assert not call_all(lambda text=injection: Reciter((text,)))[0].any(), injection
    for start in range(0, len(INJECTIONS), 4):
        assert not call_all(lambda at=start: Reciter(INJECTIONS[at:] + INJECTIONS[:at]))[0].any()
