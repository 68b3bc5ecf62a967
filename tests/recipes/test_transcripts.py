"""The transcripts of a group's first calls."""

import re

import gymnasium as gym
import pytest
import typer
from gsim_recipes.grouped_customer import transcripts

pytestmark = pytest.mark.slow


def test_the_calls_of_the_first_seeds_are_written(tmp_path, monkeypatch) -> None:
    file = tmp_path / "new" / "calls.md"
    arguments = ["transcripts", "--seeds", "2", "--out", str(file)]
    monkeypatch.setattr("sys.argv", arguments)
    app = typer.Typer()
    app.command()(transcripts.main)
    app(standalone_mode=False)
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
