"""The report: its tables and figures, what is missing, and the results document behind it."""

import csv
import json
import re
import sys
from pathlib import Path

import pytest

from gsim_env.errors import ConfigurationError
from gsim_env.evaluation.output import read_evaluation_results
from gsim_env.evaluation.records import HUMAN
from gsim_env.evaluation.report.charts import make_charts
from gsim_env.evaluation.report.page import escape_json_for_script, write_html_report
from gsim_env.evaluation.report.results import EvaluationResults
from gsim_env.evaluation.report.table import TableColumn
from gsim_env.evaluation.report.tables import make_results_tables
from gsim_env.evaluation.schema import field_as_interval
from tests.evaluation.sample_report import IMAGE, KINDS, METHODS, PARTS, SCRIPT, make_document


def rows_of(report, name):
    with (report.parent / "tables" / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_table_1_has_a_row_per_archetype_and_method(report):
    rows = rows_of(report, "table_1")
    kinds = [kind.replace("_", " ") for kind in KINDS]
    assert [(row["archetype"], row["method"]) for row in rows] == [
        (kind, method) for kind in [*kinds, "all customers"] for method in METHODS
    ]
    names = [name for part in PARTS for name in part]
    assert list(rows[0]) == [
        "archetype",
        "method",
        *(n + end for n in names for end in ("", "_low", "_high", "_n")),
    ]


def test_table_2_has_both_averages_and_a_row_for_people(report, results):
    rows = rows_of(report, "table_2")
    assert [row["method"] for row in rows] == [*METHODS, "people"]
    assert list(rows[0])[-9:] == [
        *(n + e for n in ("irs", "snr") for e in ("", "_low", "_high", "_n")),
        "objective",
    ]
    assert [row["tlv_share"] for row in rows] == ["0.1", "0.22", "0.28", "0.4", ""]
    assert float(rows[3]["subjective"]) == results.judge.scores["grouped"]["all"]["overall"].value


def test_what_is_absent_is_empty_in_files_and_a_dash_on_the_page(report, html):
    row = next(
        r
        for r in rows_of(report, "table_1")
        if (r["archetype"], r["method"]) == ("status quo", "userlm")
    )
    assert {value for key, value in row.items() if not key.endswith("_n")} == {
        "status quo",
        "userlm",
        "",
    }
    block = html[html.index(">status quo</th>") :]
    cells = re.findall(
        r"<td[^>]*>(.*?)</td>", block[block.index(">userlm</th>") :][:1500], re.DOTALL
    )
    assert [cell.strip() for cell in cells[:11]] == ["\N{EN DASH}"] * 11


def test_the_markdown_has_every_table_with_the_best_in_bold(report, results):
    blocks = (report.parent / "tables.md").read_text(encoding="utf-8").split("## ")[1:]
    assert [block.splitlines()[0] for block in blocks] == [
        table.title for table in make_results_tables(results).values()
    ]
    first, second = (block.splitlines() for block in blocks[:2])
    assert (
        first[2].count("Avg.") == len({cell for cell in first[2].split("|") if "Avg." in cell}) == 3
    )
    lines = [line for line in second if line.startswith("|")]
    assert len({line.count("|") for line in lines}) == 1
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:]]
    assert [row[0] for row in cells] == [*METHODS, "people"]
    assert [row[5] for row in cells] == [
        "0.10",
        "0.22",
        "0.28",
        "**0.40**",
        "\N{EN DASH}",
    ]


def test_a_small_figure_is_not_rounded_to_zero():
    column = TableColumn("leaked", "leaked")
    assert [column.format(value) for value in (0.0, 0.001, -0.001, -0.5, float("nan"))] == [
        "0.00",
        "< 0.01",
        "0.00",
        "\N{MINUS SIGN}0.50",
        "\N{EN DASH}",
    ]


def test_a_small_p_value_is_not_zero_in_the_file(report):
    assert {row["pearson_p"] for row in rows_of(report, "table_3")} == {"1e-09"}


def test_the_best_is_the_best_method_never_people(results):
    fidelity = make_results_tables(results)["fidelity"]
    assert fidelity.rows[-1].name == "human floor"
    assert [fidelity.best_rows(fidelity.rows, place) for place in range(5)] == [{"grouped"}] * 5
    faults = make_results_tables(results)["faults"]
    assert faults.best_rows(faults.rows, 0) == {"grouped"}
    assert faults.best_rows(faults.rows, 1) == set()  # all alike
    assert faults.best_rows(faults.rows, 4) == set()  # not measured


def test_figures_are_written_as_images(report):
    names = {file.stem for file in (report.parent / "figures").glob("*.png")}
    assert {"figure_4a", "figure_4b", "figure_5b", "archetypes", "lengths", "outcomes"} <= names
    assert {name for name in names if name.startswith("stages_")} == {
        "stages_1_prompt-only",
        "stages_2_userlm",
        "stages_3_usp",
        "stages_4_grouped",
        "stages_5_human",
    }


def test_figures_take_the_color_of_the_page_and_ids_are_unique(html):
    drawings = re.findall(r"<svg .*?</svg>", html, re.DOTALL)
    assert len(drawings) == 11
    for drawing in drawings:
        assert re.match(r'<svg [^>]*role="img" aria-label="[^"]{20,}', drawing)
        assert "currentColor" in drawing
        assert "#010203" not in drawing
    ids = re.findall(r'\sid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    for name in re.findall(r'(?:url\(#|href="#)([^")]+)', "".join(drawings)):
        assert name in ids


def test_a_scripted_judge_and_what_is_missing_are_said(html):
    assert "These ratings are not meaningful." in html
    assert "usp: 2 calls failed and count in no metric." in html
    assert "userlm: 3 ratings of business realism missing." in html
    assert "Robustness: 1 verdict missing." in html
    assert "grouped: 0" not in html


def test_the_page_needs_nothing_from_elsewhere(html):
    assert set(re.findall(r"https?://[^\s\"'<)]+", html)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert not re.findall(r'(?:src|href)="(?!#|data:)', html)
    assert html.count("</script>") == 2


def test_text_in_the_embedded_calls_cannot_end_their_element():
    text = escape_json_for_script(json.dumps([SCRIPT, IMAGE], ensure_ascii=False))
    assert not set("<>&\u2028\u2029") & set(text)


def test_a_report_without_judge_or_people(tmp_path):
    document = make_document()
    sections = {key: document[key] for key in ("methods", "archetypes", "diversity")}
    del sections["diversity"][HUMAN]
    results = EvaluationResults.model_validate({**sections, "judge": None, "agents": None})
    page = write_html_report(results, [], tmp_path).read_text(encoding="utf-8")
    assert [row["s_pc"] for row in rows_of(tmp_path / "report.html", "table_2")] == [""] * 4
    assert "not meaningful" not in page
    assert not (tmp_path / "tables" / "table_1.csv").exists()
    assert [file.name for file in (tmp_path / "figures").iterdir()] == ["figure_4a.png"]


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"matplotlib missing.*gsim-env\[evaluation\]"):
        make_charts(EvaluationResults(methods=[], archetypes=[]))


def test_results_are_read_back_as_they_were_written(tmp_path, results):
    (tmp_path / "results.json").write_text(results.model_dump_json(), encoding="utf-8")
    read = read_evaluation_results(tmp_path)
    assert read.model_dump(mode="json") == results.model_dump(mode="json")
    absent = read.diversity["usp"].late_hang_up
    assert absent.value != absent.value  # null is NaN again
    assert '"late_hang_up":{"value":null' in results.model_dump_json()


def test_a_results_file_of_another_form_is_refused_with_the_field(tmp_path, results):
    document = json.loads(results.model_dump_json())
    document["fidelity"]["usp"]["told_apart"] = None
    (tmp_path / "results.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"results\.json does not fit(.|\n)*told_apart"):
        read_evaluation_results(tmp_path)


def test_a_column_without_a_field_is_an_error(results):
    with pytest.raises(AttributeError, match="told_apart"):
        field_as_interval(results.fidelity["usp"], "told_apart")


@pytest.mark.parametrize("group", ["food_delivery", "p4g"])
def test_committed_results_fit_the_models(group):
    results = read_evaluation_results(Path(__file__).parents[2] / "results" / "evaluation" / group)
    assert results.fidelity["full"].c2st_accuracy.n > 0
