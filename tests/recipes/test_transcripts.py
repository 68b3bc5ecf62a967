"""The transcripts that a results page shows."""

import re
import sys

import gymnasium as gym
import pytest
from gsim_recipes.grouped_customer import transcripts

pytestmark = pytest.mark.slow


def test_the_calls_of_the_first_seeds_are_written_down(tmp_path, monkeypatch) -> None:
    file = tmp_path / "made" / "calls.md"
    monkeypatch.setattr(sys, "argv", ["transcripts", "--seeds", "2", "--out", str(file)])
    transcripts.main()
    head, *calls = re.split(r"^## ", file.read_text(), flags=re.MULTILINE)
    assert "--seeds 2" in head
    env = gym.make("GroupedSim-Telemarketing-v0", customer="scripted")
    for seed, call in enumerate(calls):
        brief, _ = env.reset(seed=seed)
        number, listing = re.match(r"Seed (\d): (.+) \(", call).groups()
        assert int(number) == seed
        assert listing in brief
        assert call.count("Salesperson: ") == call.count("**Customer**: ") >= 2
        assert re.search(r"\n\*(accepted|declined|hung up|turn limit)\*\s*$", call)
    assert len(calls) == 2
