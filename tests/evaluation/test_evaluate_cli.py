"""``gsim evaluate``: from the plan to the report, and commands on a finished evaluation."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from gsim_env.cli.app import app
from gsim_env.evaluation.compare import (
    compare_methods,
    load_evaluated_method,
    mean_difference_interval,
)
from gsim_env.evaluation.metrics.features import CallFeatureExtractor
from gsim_env.evaluation.output import read_evaluated_calls, read_evaluation_results
from gsim_env.models import Completion
from gsim_env.models.encoders import HashingEncoder
from gsim_env.testing import mock_openai_server

QUICK = ("--encoder", "hashing", "--calls", "2", "--max-turns", "6")


def gsim(*args: object) -> Result:
    return CliRunner().invoke(app, ["evaluate", *map(str, args)])


@pytest.fixture(scope="module")
def methods_file(tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("methods") / "methods.toml"
    file.write_text(
        '[first]\ncustomer = "scripted"\nguidance = true\n'
        '[second]\ncustomer = "scripted"\nguidance = true\n'
    )
    return file


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory, methods_file) -> Path:
    folder = tmp_path_factory.mktemp("evaluated") / "out"
    agents = ("--salesperson", "scripted", "--salesperson", "pitching", "--salesperson", "outline")
    result = gsim(
        "run",
        "--out",
        folder,
        "--methods",
        "first,second",
        "--methods-file",
        methods_file,
        *agents,
        *QUICK,
    )
    assert result.exit_code == 0, result.output
    return folder


def test_the_output_folder_is_complete_and_has_a_manifest(evaluated, group) -> None:
    results = read_evaluation_results(evaluated)
    assert results.methods == ["first", "second"]
    manifest = results.manifest
    assert manifest.group_digest == group.digest
    assert manifest.human.source == "held_out.jsonl of food_delivery"
    assert manifest.missing_calls == {"first": 0, "second": 0}
    assert manifest.versions["gsim-env"]
    calls = read_evaluated_calls(evaluated)
    assert len([call for call in calls if call.method == "first"]) == 3 * 5 * 2
    assert all(turn.stage in group.taxonomy.customer for call in calls for turn in call.turns)
    assert {file.name for file in evaluated.glob("*")} >= {
        "report.html",
        "results.json",
        "calls.jsonl",
        "tables",
        "figures",
    }
    rows = list(
        csv.reader((evaluated / "tables" / "table_2.csv").read_text(encoding="utf-8").splitlines())
    )
    assert [row[0] for row in rows[1:]] == ["first", "second", "people"]


def test_equal_methods_have_equal_figures(evaluated) -> None:
    results = read_evaluation_results(evaluated)
    first, second = (results.diversity[name] for name in ("first", "second"))
    assert first.model_dump_json() == second.model_dump_json()
    assert first.tlv_share == 0.5
    assert first.objective == pytest.approx(
        np.mean([0.5, first.irs.value, first.snr.value]), abs=1e-5
    )
    distances = [results.fidelity[name].model_dump_json() for name in ("first", "second")]
    assert distances[0] == distances[1]
    assert results.judge is None


def test_salespeople_are_ranked_by_each_method(evaluated) -> None:
    agents = read_evaluation_results(evaluated).agents
    rates = {name: rate.value for name, rate in agents.acceptance["first"].items()}
    assert rates["scripted"] > rates["pitching"]
    (pair,) = agents.rank_correlation
    assert (pair.a, pair.b) == ("first", "second")
    assert pair.spearman == pytest.approx(1.0)


def test_a_finished_folder_is_not_played_again_and_another_plan_is_refused(
    evaluated, methods_file
) -> None:
    before = (evaluated / "results.json").read_text()
    agents = ("--salesperson", "scripted", "--salesperson", "pitching", "--salesperson", "outline")
    again = gsim(
        "run",
        "--out",
        evaluated,
        "--methods",
        "first,second",
        "--methods-file",
        methods_file,
        *agents,
        *QUICK,
    )
    assert again.exit_code == 0, again.output
    assert (evaluated / "results.json").read_text() == before
    other = gsim(
        "run", "--out", evaluated, "--methods", "first", "--methods-file", methods_file, *QUICK
    )
    assert other.exit_code == 2
    assert "holds another evaluation" in " ".join(other.output.split())


def test_compare_pairs_the_calls_of_two_methods(evaluated) -> None:
    result = gsim("compare", f"{evaluated}:first", f"{evaluated}:second", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["paired"] is True
    assert all(
        row["difference"]["value"] == 0.0 and row["a"] == row["b"]
        for row in found["figures"].values()
    )
    assert found["agents"]["spearman"] == pytest.approx(1.0)
    shown = gsim("compare", f"{evaluated}:first", f"{evaluated}:second")
    assert "words per turn" in shown.stdout
    several = gsim("compare", evaluated, evaluated)
    assert several.exit_code == 2
    assert "several methods" in several.output


def test_a_difference_is_paired_by_customer_where_it_can_be(evaluated, group) -> None:
    a = {("s", n): float(n) for n in range(40)}
    b = {call: value + 1 for call, value in a.items()}
    paired, apart = (
        mean_difference_interval(a, b, paired=True),
        mean_difference_interval(a, b, paired=False),
    )
    assert paired[:3] == (1.0, 1.0, 1.0)
    assert apart.value == pytest.approx(1.0)
    assert apart.low < 0 < 2 < apart.high
    assert np.isnan(mean_difference_interval(a, {}, paired=False).value)
    method = load_evaluated_method(f"{evaluated}:first")
    comparison = compare_methods(
        method, method, CallFeatureExtractor(group, HashingEncoder()), group
    )
    assert comparison.figures["turns"].difference.value == 0.0


def test_a_judge_that_fails_three_times_in_ten_leaves_ratings_missing_and_no_zeros(
    tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none asked for")
    from gsim_env import testing
    from gsim_env.evaluation.judge.scripted import scripted_judge_answer

    async def verdict(request):
        return Completion(scripted_judge_answer(request))

    monkeypatch.setattr(testing, "mock_completion", verdict)
    folder = tmp_path / "out"
    with mock_openai_server([500 if number % 10 < 3 else "ok" for number in range(1000)]) as server:
        judge = json.dumps(
            {"backend": "openai", "model": "m", "base_url": server.url, "max_retries": 0}
        )
        result = gsim(
            "run",
            "--out",
            folder,
            "--methods",
            "scripted",
            *QUICK,
            "--judge",
            judge,
            "--profiles",
            "2",
        )
    assert result.exit_code == 0, result.output
    results = read_evaluation_results(folder)
    missing = sum(results.judge.missing["scripted"].values())
    assert 0 < missing < results.judge.asked == 30
    assert results.robustness.missing > 0
    ratings = [json.loads(line) for line in (folder / "ratings.jsonl").read_text().splitlines()]
    assert sum(rating["scores"] is None for rating in ratings) == missing
    brevity = results.judge.scores["scripted"]["all"]["brevity"]
    own = [
        rating["scores"]["brevity"]
        for rating in ratings
        if rating["scores"] and "brevity" in rating["scores"]
    ]
    assert brevity.value == pytest.approx(np.mean(own), abs=1e-5)
    assert brevity.n == len(own)
    assert f"{missing} " in (folder / "report.html").read_text()

    sheet, key = tmp_path / "sheet.csv", tmp_path / "sheet.key.json"
    sheets = gsim("rating-sheet", folder, "--out", sheet, "--calls", "5")
    assert sheets.exit_code == 0, sheets.output
    with sheet.open(newline="", encoding="utf-8-sig") as stream:
        rows = list(csv.DictReader(stream))
    for number, row in enumerate(rows):
        row.update(
            rater="r1", profile_consistency=number % 11, business_realism=3, interaction_logic=7
        )
    with sheet.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    agreed = gsim("agreement", folder, sheet, "--key", key, "--json")
    assert agreed.exit_code == 0, agreed.output
    assert (
        json.loads(agreed.stdout)["dimensions"]["business_realism"]["pearson"] is None
    )  # a rater who always says 3
    assert read_evaluation_results(folder).agreement.model_dump() == json.loads(agreed.stdout)
    assert "Table 3" in (folder / "report.html").read_text()


def test_options_about_a_judge_need_a_judge(tmp_path) -> None:
    result = gsim("run", "--out", tmp_path / "out", "--methods", "scripted", *QUICK, "--votes", "3")
    assert result.exit_code == 2
    assert "--judge" in result.output


def test_a_folder_without_an_evaluation_is_named(tmp_path) -> None:
    for command in (
        ("rating-sheet", tmp_path, "--out", tmp_path / "o.csv"),
        ("compare", tmp_path, tmp_path),
    ):
        result = gsim(*command)
        assert result.exit_code == 2
        assert "holds no finished evaluation" in " ".join(result.output.split())
