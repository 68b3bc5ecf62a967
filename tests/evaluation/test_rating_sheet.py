"""Rating sheets: blind, safe to open in a spreadsheet, and precise errors when read."""

import csv
import json
from collections import Counter

import pytest

from gsim_env.errors import ConfigurationError
from gsim_env.evaluation.judge.rating_sheet import COLUMNS, read_human_ratings, write_rating_sheet
from gsim_env.evaluation.judge.rubric import (
    EVALUATORS,
    dimension_rubric_line,
    judge_prompt_template,
)
from gsim_env.evaluation.records import EvaluatedCall, EvaluatedTurn


@pytest.fixture(scope="module")
def calls(group):
    people = [
        EvaluatedCall.from_recording(number, call) for number, call in enumerate(group.calls[:6])
    ]
    ours = [
        call.model_copy(update={"method": "method_x", "salesperson": "seller_x"}) for call in people
    ]
    failed = ours[0].model_copy(update={"turns": (), "number": 77, "error": "down"})
    return [*people, *ours, failed]


def rows_of(file):
    with file.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def fill(file, out, cells, delimiter=","):
    """Write the sheet again with these cells, by row and column."""
    rows = rows_of(file)
    for (index, column), value in cells.items():
        rows[index][column] = value
    with out.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return out


def test_the_sheet_is_blind_and_the_key_is_elsewhere(group, calls, tmp_path):
    files = write_rating_sheet(calls, group, tmp_path / "sheets" / "rate.csv", n_per_method=4)
    rows = rows_of(files.sheet)
    assert tuple(rows[0]) == COLUMNS
    assert all(not row[name] for row in rows for name in (*EVALUATORS, "rater"))
    text = files.sheet.read_text(encoding="utf-8-sig") + files.instructions.read_text(
        encoding="utf-8"
    )
    assert "method_x" not in text
    assert "seller_x" not in text
    assert "human" not in text
    key = json.loads(files.key.read_text())
    assert [row["id"] for row in rows] == list(key)
    by_id = {call.id: call for call in calls}
    assert Counter(by_id[call].method for call in key.values()) == {"human": 4, "method_x": 4}
    order = [by_id[call].method for call in key.values()]
    assert order != sorted(order)  # neither all people first
    assert order != sorted(order, reverse=True)  # nor last
    for row in rows:
        call = by_id[key[row["id"]]]
        assert call.profile.facts[0] in row["profile"]
        assert (
            row["archetype_definition"]
            == group.config.archetypes[call.profile.archetype].definition
        )
        assert row["transcript"].splitlines()[1] == f"C: {call.turns[0].customer}"


def test_raters_read_the_judges_rubric(group, calls, tmp_path):
    text = write_rating_sheet(calls, group, tmp_path / "rate.csv").instructions.read_text()
    for evaluator in EVALUATORS.values():
        assert judge_prompt_template(evaluator.name).template in text
        assert all(
            dimension_rubric_line(name) in evaluator.system_prompt(group)
            for name in evaluator.dimensions
        )
        assert all(dimension_rubric_line(name) in text for name in evaluator.dimensions)
    assert judge_prompt_template("rules").template in text
    assert "$" not in text


def test_the_seed_decides_draw_and_order(group, calls, tmp_path):
    def key(seed):
        return write_rating_sheet(calls, group, tmp_path / "rate.csv", 3, seed).key.read_text()

    assert key(0) == key(0)
    assert key(0) != key(1)


def test_no_cell_is_a_formula(group, calls, tmp_path):
    for start in ("=", "+", "-", "@"):
        profile = calls[0].profile.model_copy(update={"name": f'{start}HYPERLINK("http://x")'})
        call = calls[0].model_copy(
            update={"profile": profile, "turns": (EvaluatedTurn(sales="=1", customer='"=1+1\n=2'),)}
        )
        (row,) = rows_of(write_rating_sheet([call], group, tmp_path / "rate.csv").sheet)
        assert row["profile"].startswith(f"'{start}HYPERLINK")
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row.values())
        assert row["transcript"].splitlines()[:2] == ["S: =1", 'C: "=1+1 =2']


def test_nothing_to_rate_is_an_error(group, calls, tmp_path):
    with pytest.raises(ConfigurationError, match=r"None of 1 call\(s\) has turns"):
        write_rating_sheet(calls[-1:], group, tmp_path / "rate.csv")
    with pytest.raises(ConfigurationError, match="n_per_method must be at least 1, got 0"):
        write_rating_sheet(calls, group, tmp_path / "rate.csv", n_per_method=0)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_what_was_filled_in_is_read(group, calls, tmp_path, delimiter):
    files = write_rating_sheet(calls, group, tmp_path / "rate.csv", 2)
    key = list(json.loads(files.key.read_text()).values())
    cells = {
        (0, "profile_consistency"): "7,5" if delimiter == ";" else "7.5",
        (0, "business_realism"): " 0 ",
        (0, "rater"): "Li",
        (2, "interaction_logic"): "10",
    }
    filled = fill(files.sheet, tmp_path / "mo.csv", cells, delimiter)
    first, second = read_human_ratings([filled], files.key)
    assert (first.call, first.rater, first.scores) == (
        key[0],
        "Li",
        {"profile_consistency": 7.5, "business_realism": 0},
    )
    assert (second.call, second.rater, second.scores) == (key[2], "mo", {"interaction_logic": 10})


def test_errors_name_file_line_value_and_legal_values(group, calls, tmp_path):
    files = write_rating_sheet(calls, group, tmp_path / "rate.csv", 2)
    cells = {
        (0, "profile_consistency"): "11",
        (1, "business_realism"): "good",
        (2, "interaction_logic"): "nan",
        (3, "id"): "c9999",
    }
    filled = fill(files.sheet, tmp_path / "li.csv", cells)
    lines = filled.read_text().split("\n")
    with pytest.raises(ConfigurationError) as caught:
        read_human_ratings([filled], files.key)
    head, *errors = str(caught.value).splitlines()
    assert head.startswith("4 rating(s)")
    ids = ["c0001", "c0002", "c0003", "c9999"]
    for error, name, value in zip(errors, ids, ("'11'", "'good'", "'nan'", "'c9999'"), strict=True):
        line = next(number for number, text in enumerate(lines, start=1) if text.startswith(name))
        assert error.startswith(f"{filled}, line {line}: ")
        assert value in error
        assert "expected" in error
    assert "from 0 to 10" in errors[0]


def test_a_call_rated_twice_by_one_rater_is_an_error_and_by_two_is_not(group, calls, tmp_path):
    files = write_rating_sheet(calls, group, tmp_path / "rate.csv", 1)
    li = fill(files.sheet, tmp_path / "li.csv", {(0, "business_realism"): "3"})
    mo = fill(files.sheet, tmp_path / "mo.csv", {(0, "business_realism"): "4"})
    assert [rating.rater for rating in read_human_ratings([li, mo], files.key)] == ["li", "mo"]
    with pytest.raises(ConfigurationError, match=r"li.csv, line 2: 'li' has rated 'c0001' before"):
        read_human_ratings([li, li], files.key)


def test_files_that_cannot_be_used_are_named(group, calls, tmp_path):
    files = write_rating_sheet(calls, group, tmp_path / "rate.csv", 1)
    (tmp_path / "odd.csv").write_text("id,business_realism\nc0001,3\n")
    with pytest.raises(
        ConfigurationError,
        match=r"odd.csv, line 1: no column profile_consistency, interaction_logic, rater",
    ):
        read_human_ratings([tmp_path / "odd.csv"], files.key)
    (tmp_path / "latin.csv").write_bytes("id,Größe".encode("latin-1"))
    with pytest.raises(ConfigurationError, match=r"latin.csv cannot be read.*UTF-8"):
        read_human_ratings([tmp_path / "latin.csv"], files.key)
    with pytest.raises(ConfigurationError, match=r"absent.json cannot be read"):
        read_human_ratings([files.sheet], tmp_path / "absent.json")
