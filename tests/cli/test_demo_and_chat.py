"""gsim demo and gsim chat with the scripted customer."""

import json
import re

import pytest

from gsim_env.groups import Group
from tests.cli.helpers import gsim


def test_demo_prints_one_json_object(group: Group) -> None:
    result = gsim("demo", "--customer", "scripted", "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["group_digest"] == group.digest
    assert document["customer"] == "scripted"
    assert [row["archetype"] for row in document["table"]] == list(group.config.archetypes)
    for call, row in zip(document["calls"], document["table"], strict=True):
        turns = call["turns"]
        assert call["profile"]["archetype"] == row["archetype"]
        assert call["outcome"] == row["outcome"] == turns[-1]["outcome"]
        assert [turn["outcome"] for turn in turns[:-1]] == [None] * (len(turns) - 1)
        assert row["turns"] == len(turns)
        words = [len(turn["customer"].split()) for turn in turns]
        assert row["words_per_turn"] == pytest.approx(sum(words) / len(words), abs=0.01)
        stages = {turn["guidance"]["stage"] for turn in turns}
        assert (row["stages_visited"], row["stages"]) == (len(stages), len(group.taxonomy.customer))
        assert row["sop_coverage"] == pytest.approx(
            len(stages) / len(group.taxonomy.customer), abs=1e-4
        )
        assert row["seconds"] >= 0


def test_demo_of_a_seed_is_repeatable() -> None:
    def calls(seed: str) -> object:
        return json.loads(gsim("demo", "--customer", "scripted", "--seed", seed, "--json").stdout)[
            "calls"
        ]

    assert calls("3") == calls("3") != calls("4")


def test_demo_has_the_salesperson_call_that_was_asked_for() -> None:
    def calls(*salesperson: str) -> dict[str, object]:
        document = json.loads(gsim("demo", "--customer", "scripted", "--json", *salesperson).stdout)
        return {
            "who": document["salesperson"],
            "said": [call["turns"][1]["sales"] for call in document["calls"]],
        }

    assert calls() == calls("--salesperson", "scripted")
    assert calls("--salesperson", "outline")["who"] == "outline"
    assert calls("--salesperson", "outline")["said"] != calls("--salesperson", "pitching")["said"]


def test_demo_shows_words_and_what_is_behind_them(group: Group) -> None:
    result = gsim("demo", "--customer", "scripted")
    assert result.exit_code == 0, result.output
    document = json.loads(gsim("demo", "--customer", "scripted", "--json").stdout)
    assert all(len(line) <= 110 for line in result.stdout.splitlines())
    for call in document["calls"]:
        assert call["profile"]["name"] in result.stdout
        for turn in call["turns"]:
            assert turn["customer"].split()[0] in result.stdout
            assert f"│ {turn['guidance']['stage']}  {turn['guidance']['stance']}" in result.stdout
            assert f"≈ {turn['guidance']['references'][0][:30]}" in result.stdout
    for row in document["table"]:
        assert re.search(
            rf"{row['archetype']} +{row['outcome'].replace('_', ' ')} +{row['turns']} ",
            result.stdout,
        )


def test_chat_takes_piped_lines_until_quit() -> None:
    result = gsim(
        "chat",
        "--customer",
        "scripted",
        "--seed",
        "0",
        stdin="Hello [b]you[/b]\n\n/quit\nnever said\n",
    )
    assert result.exit_code == 0, result.output
    assert "You are calling:" in result.stdout
    assert "you Hello [b]you[/b]" in result.stdout
    assert result.stdout.count("customer ") == 2
    assert "you hung up after 2 exchanges" in result.stdout
    assert "never said" not in result.stdout
    assert "│ greeting" not in result.stdout  # nothing hidden is shown


def test_chat_ends_with_the_input() -> None:
    result = gsim("chat", "--customer", "scripted", stdin="Hello, is that the owner?\n")
    assert result.exit_code == 0, result.output
    assert "you hung up after 1 exchange" in result.stdout


def test_chat_ends_with_the_call() -> None:
    result = gsim(
        "chat", "--customer", "scripted", "--archetype", "resistance_heavy", stdin="Buy it!\n" * 20
    )
    assert result.exit_code == 0, result.output
    assert re.search(r"(declined|hung up) after \d+ exchanges", result.stdout)
    assert result.stdout.count("you Buy it!") < 20


def test_chat_reveals_on_request() -> None:
    result = gsim(
        "chat", "--customer", "scripted", "--archetype", "status_quo", "--reveal", stdin="Hello?\n"
    )
    assert result.exit_code == 0, result.output
    for word in ("concerns", "status_quo", "interest", "trust", "patience", "≈"):
        assert word in result.stdout
