"""Playing an evaluation's calls.

The same customers for every method, killed and gone on with, failing and made good.
"""

import json
import os
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest

from gsim_env.errors import ConfigurationError
from gsim_env.evaluation.methods import METHODS, SimulationMethod, load_named_methods
from gsim_env.evaluation.play import BLOCK_SIZE, EvaluationPlan, play_planned_calls
from gsim_env.evaluation.reference import select_reference_set
from gsim_env.simulation.config import SimulatorConfig
from gsim_env.testing import mock_openai_server

SCRIPTED = {"scripted": METHODS["scripted"]}


def plan_of(methods=None, calls=2, **simulator) -> EvaluationPlan:
    return EvaluationPlan(
        simulator=SimulatorConfig(encoder="hashing", **simulator),
        methods=methods or SCRIPTED,
        salespeople={"scripted": "scripted"},
        calls=calls,
    )


def words_of(calls) -> list:
    return [
        (
            call.id,
            call.profile.name,
            [(turn.sales, turn.customer) for turn in call.turns],
            call.outcome,
        )
        for call in calls
    ]


def test_each_archetype_of_held_out_customers_is_called_and_all_before_any_twice(group) -> None:
    people = select_reference_set(group, 10, 0)
    archetypes = [profile.archetype for profile in people.customers]
    assert {name: archetypes.count(name) for name in group.config.archetypes} == dict.fromkeys(
        group.config.archetypes, 10
    )
    known = {call.profile.listing for call in group.calls}
    assert not known & {profile.listing for profile in people.customers}
    assert {profile.listing for profile in people.customers} == {
        call.profile.listing for call in people.reference
    }
    assert (
        len({profile.listing for profile in people.customers}) == 40
    )  # eight of each archetype are held out
    assert all(call.profile.listing in known for call in people.human_floor)
    assert select_reference_set(group, 10, 1).customers != people.customers


def test_a_group_without_held_out_calls_is_refused(group, tmp_path) -> None:
    from dataclasses import replace

    with pytest.raises(ConfigurationError, match="--held-out"):
        select_reference_set(replace(group, path=tmp_path), 2, 0)


def test_methods_call_the_same_customers_with_the_same_seeds(group, tmp_path) -> None:
    methods = {"a": METHODS["scripted"], "b": METHODS["scripted"]}
    called = select_reference_set(group, 2, 0).customers
    calls = play_planned_calls(plan_of(methods), called, tmp_path)
    first, second = (words_of([call for call in calls if call.method == name]) for name in methods)
    assert [one[1:] for one in first] == [one[1:] for one in second]
    assert [call.profile for call in calls] == [*called, *called]
    assert all(call.outcome and call.turns and call.turns[0].state for call in calls)


def test_what_has_been_played_is_not_played_again(group, tmp_path, monkeypatch) -> None:
    called = select_reference_set(group, 4, 0).customers
    whole = play_planned_calls(plan_of(calls=4), called, tmp_path / "whole")
    play_planned_calls(plan_of(calls=4), called, tmp_path / "cut")
    files = sorted((tmp_path / "cut").rglob("*.jsonl"))
    assert len(files) == -(-len(called) // BLOCK_SIZE) == 2
    files[1].unlink()
    kept = files[0].stat().st_mtime_ns
    again = play_planned_calls(plan_of(calls=4), called, tmp_path / "cut")
    assert files[0].stat().st_mtime_ns == kept
    assert words_of(again) == words_of(whole)


def test_a_failed_call_is_missing_and_is_played_by_the_next_run(
    group, tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none asked for")
    called = select_reference_set(group, 3, 0).customers
    with mock_openai_server() as server:
        model = {
            "backend": "openai",
            "model": "m",
            "base_url": server.url,
            "max_retries": 0,
            "backoff": 0.0,
        }
        plan = plan_of({"served": SimulationMethod(customer=model, guidance=True)}, calls=3)
        server.plan_faults(
            lambda body: (
                500 if zlib.crc32(body["messages"][0]["content"].encode()) % 3 == 0 else "ok"
            )
        )
        calls = play_planned_calls(plan, called, tmp_path)
        failed = [call for call in calls if call.error]
        assert 0 < len(failed) < len(calls)
        assert all(
            not call.turns and call.outcome is None and "500" in call.error for call in failed
        )
        server.plan_faults(())
        again = play_planned_calls(plan, called, tmp_path)
    assert not any(call.error for call in again)
    fine = {call.id: call for call in calls if not call.error}
    assert words_of([call for call in again if call.id in fine]) == words_of(list(fine.values()))


def test_if_every_call_fails_the_configuration_is_at_fault(group, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none asked for")
    model = {"backend": "openai", "model": "m", "base_url": "http://127.0.0.1:9", "max_retries": 0}
    with pytest.raises(
        ConfigurationError, match=r"'served' failed; the first error: .*failed 1 time"
    ):
        play_planned_calls(
            plan_of({"served": SimulationMethod(customer=model, guidance=True)}),
            select_reference_set(group, 1, 0).customers,
            tmp_path,
        )


RUN = """
import sys
from pathlib import Path
from tests.evaluation.test_evaluate_calls import embedded_plan
from gsim_env.evaluation.play import play_planned_calls
from gsim_env.evaluation.reference import select_reference_set
from gsim_env.groups import load_group
customers = select_reference_set(load_group("food_delivery"), 4, 0).customers
play_planned_calls(embedded_plan(), customers, Path(sys.argv[1]))
"""


def embedded_plan() -> EvaluationPlan:
    return plan_of(
        {"full": METHODS["full"], "without_sop": METHODS["without_sop"]}, calls=4, max_turns=3
    )


def stored_calls(folder: Path) -> dict[str, list]:
    """Return the lines of each file of an evaluation's calls, without their durations."""
    return {
        str(file.relative_to(folder)): [
            without_seconds(line) for line in file.read_text().splitlines()
        ]
        for file in sorted(folder.rglob("*.jsonl"))
    }


@pytest.mark.slow
def test_killed_amid_the_embedded_model_it_ends_with_the_same_words(group, tmp_path) -> None:
    root = Path(__file__).parents[2]

    def start(folder: Path) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-c", RUN, str(folder)], cwd=root, env={**os.environ}
        )

    assert start(tmp_path / "whole").wait(timeout=400) == 0
    process = start(tmp_path / "cut")
    deadline = time.monotonic() + 400
    while len(list((tmp_path / "cut").rglob("*.jsonl"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL  # it had not ended
    assert len(list((tmp_path / "cut").rglob("*.jsonl"))) in (2, 3)
    assert start(tmp_path / "cut").wait(timeout=400) == 0
    whole, cut = stored_calls(tmp_path / "whole"), stored_calls(tmp_path / "cut")
    assert len(whole) == 4
    assert cut == whole


def without_seconds(line: str) -> dict:
    return {**json.loads(line), "seconds": None}


def test_a_methods_file_names_ways_to_simulate(tmp_path) -> None:
    file = tmp_path / "methods.toml"
    file.write_text(
        '[userlm]\ncustomer = {backend = "embedded", adapter = "a"}\nguidance = false\n'
    )
    found = load_named_methods(["full", "userlm"], file)
    assert list(found) == ["full", "userlm"]
    assert found["userlm"] == SimulationMethod(
        customer={"backend": "embedded", "adapter": "a"}, guidance=False
    )
    assert found["userlm"].settings["adapter"] == "a"
    with pytest.raises(ConfigurationError, match="needs weights that the package does not include"):
        load_named_methods(["userlm"], None)
    with pytest.raises(ConfigurationError, match="fool"):
        load_named_methods(["fool"], None)
    with pytest.raises(ConfigurationError, match="once"):
        load_named_methods(["full", "full"], None)
    file.write_text("[userlm]\nguidance = 3\n")
    with pytest.raises(ConfigurationError, match=r"methods\.toml"):
        load_named_methods(["userlm"], file)


def test_results_never_hold_a_key() -> None:
    method = SimulationMethod(
        customer={"backend": "openai", "model": "m", "api_key": "secret"}, guidance=True
    )
    assert "secret" not in json.dumps(method.settings)
