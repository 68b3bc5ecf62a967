"""The report: its tables and figures, what is missing, and the page in headless Chromium."""

import csv
import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from gsim_env.dialogue import Outcome
from gsim_env.evaluation.records import HUMAN, EvaluatedCall, EvaluatedTurn
from gsim_env.errors import ConfigurationError
from gsim_env.evaluation.output import read_results
from gsim_env.evaluation.report.figures import make_figures
from gsim_env.evaluation.report.page import escape_json, write_report
from gsim_env.evaluation.report.results import EvaluationResults
from gsim_env.evaluation.report.table import Column
from gsim_env.evaluation.report.tables import make_tables
from gsim_env.evaluation.schema import as_interval
from gsim_env.profiles import CustomerProfile

METHODS = ["prompt_only", "userlm", "usp", "grouped"]
KINDS = [
    "price_sensitive",
    "resistance_heavy",
    "status_quo",
    "rational_skeptical",
    "competition_anxious",
]
SELLERS = ["pitching", "listening"]
STAGES = [
    "greeting",
    "busy",
    "listening",
    "question",
    "objection",
    "negotiation",
    "interest",
    "acceptance",
    "hang_up",
]
PARTS = [
    ["category_alignment", "profile_adherence", "profile_consistency"],
    ["brevity", "naturalness", "context_immersion", "business_realism"],
    ["intent_responsiveness", "logic_consistency", "interaction_logic"],
    ["overall"],
]
SCRIPT = "</script><script>window.hacked=1</script>"
IMAGE = "<img src=x onerror='window.hacked=1'> & \u2028 ${1} {{ 7 * 7 }}"
SAID = [
    ("Hi, is that the owner? It's Li from QuickEats.", "Yeah. Be quick, I've pans on."),
    ("How do most of your orders come in?", "By phone. Why?"),
    (
        "Fifteen percent on delivered orders, nothing on pick-up.",
        "Fifteen? That's what I make on a curry.",
    ),
    (
        "Twelve for the first three months, and you set your own prices.",
        "Hm. And who pays for the tablet?",
    ),
    ("Lent free. Shall we try it for a month?", "Go on then. Tuesday, after three."),
]


def interval(value, spread=0.06, n=40):
    low, high = (
        (None, None) if value is None else (round(value - spread, 4), round(value + spread, 4))
    )
    return {"value": value, "low": low, "high": high, "n": n}


def figures_of(place):
    return {
        "tlv": interval(20 + 12 * place, 4), "irs": interval(0.35 + 0.15 * place), "snr": interval(0.3 + 0.17 * place),
        "snr_pooled": 0.5 + 0.1 * place, "distinct_1": 0.11 + 0.02 * place, "distinct_2": 0.4 + 0.05 * place,
        "role_inversion": interval(0.2 - 0.05 * place, 0.02), "leaked": interval(0.0, 0), "repetition": interval(0.1),
        "premature_hang_up": interval(0.12 - 0.02 * place), "late_hang_up": interval(None, n=0),
        "words_per_turn": interval(28.0 - 4.6 * place, 1.5), "short_turns": interval(0.1 + 0.05 * place),
        "long_turns": interval(0.09 - 0.02 * place, 0.01), "turns": interval(7.5 + 0.3 * place, 0.8),
    }  # fmt: skip


def windows_of(place):
    return [
        {"turn": turn, **interval(0.45 + 0.1 * place - 0.03 * turn * (4 - place) / 2)}
        for turn in range(2, 10)
    ]


def nearness(place):
    return {
        "words_distance": interval(9.0 - 2 * place, 0.8), "c2st_accuracy": interval(0.95 - 0.09 * place, 0.03),
        "p_real": interval(0.2 + 0.15 * place), "stage_distance": interval(0.4 - 0.08 * place, 0.03),
        "outcome_distance": interval(0.5 - 0.1 * place),
    }  # fmt: skip


def transitions_of(place):
    rows = {
        "start": {"greeting": 0.7, "busy": 0.3},
        "acceptance": {"end": 1.0},
        "hang_up": {"end": 1.0},
    }
    for number, stage in enumerate(STAGES[:-2]):
        after = STAGES[number + 1]
        rows[stage] = {
            after: 0.5,
            "hang_up": 0.2 - 0.03 * place,
            stage: 0.15,
            "objection": 0.12,
            "end": 0.03 + 0.03 * place,
        }
        if stage == "objection":
            rows[stage] = {after: 0.4, "objection": 0.3, "hang_up": 0.3}
    return rows


def scores_of(place):
    names = [name for part in PARTS for name in part]
    rated = {
        kind: {
            name: interval(round(3 + 1.4 * place + 0.05 * n, 2), 0.3)
            for n, name in enumerate(names)
        }
        for kind in [*KINDS, "all"]
    }
    if place == 1:  # one kind of customer could not be rated
        rated["status_quo"] = {name: interval(None, n=0) for name in names}
    return rated


def make_document():
    """Return the content of a results.json with every section."""
    of = dict(enumerate(METHODS))
    everyone = dict(enumerate([*METHODS, HUMAN]))
    objective = {"tlv_share": [0.1, 0.22, 0.28, 0.4], "objective": [0.25, 0.4, 0.53, 0.7]}
    diversity = {name: figures_of(place) for place, name in everyone.items()}
    for place, name in of.items():
        diversity[name] |= {key: values[place] for key, values in objective.items()}
    ends = [
        [0.5, 0.2, 0.1, 0.1, 0.1],
        [0.4, 0.3, 0.2, 0.0, 0.1],
        [0.3, 0.4, 0.25, 0.0, 0.05],
        [0.28, 0.4, 0.3, 0.0, 0.02],
    ]
    return {
        "manifest": {
            "group": "food_delivery", "group_digest": "5d1f" * 16, "people_digest": "ab12" * 16,
            "judge_prompts_digest": "c0de" * 16, "plan": {"encoder": "minilm"}, "discriminator": None,
            "seed": 7, "salespeople": SELLERS, "calls": 8,
            "command": "gsim evaluate --group food_delivery --seed 7", "versions": {"gsim-env": "0.1.0", "numpy": "2.3"},
            "methods": {name: {"model": "scripted", "temperature": 0.5} for name in METHODS},
            "human": {"source": "held_out.jsonl", "calls": 40, "digest": "ab12" * 16}, "seconds": 81.5,
            "missing_calls": {"usp": 2, "grouped": 0},
        },
        "methods": METHODS,
        "archetypes": KINDS,
        "diversity": diversity,
        "irs_windows": {name: windows_of(place) for place, name in everyone.items()},
        "fidelity": {name: nearness(place) for place, name in everyone.items()},
        "by_archetype": {
            name: {
                kind: {
                    "words_per_turn": interval(25.0 - 4 * place + n, 2),
                    "irs": interval(None if (place, n) == (0, 1) else 0.4 + 0.1 * place),
                    "snr": interval(0.3 + 0.12 * place + 0.02 * n),
                    "accepted": interval(0.5 - 0.08 * place, 0.1),
                }
                for n, kind in enumerate(KINDS)
            }
            for place, name in everyone.items()
        },
        "lengths": {
            name: [1 + (7 * i) % (40 - 7 * place) for i in range(200)] for place, name in everyone.items()
        },
        "outcomes": {
            name: dict(zip([str(one) for one in Outcome], ends[min(place, 3)], strict=True))
            for place, name in everyone.items()
        },
        "transitions": {name: transitions_of(place) for place, name in everyone.items()},
        "agents": {
            "acceptance": {
                name: {seller: interval(0.2 + 0.05 * place + 0.1 * n) for n, seller in enumerate(SELLERS)}
                for place, name in of.items()
            },
            "rank_correlation": [{"a": "grouped", "b": "usp", "spearman": 0.9, "p": 0.0004, "kendall": 0.8, "n": 5}],
        },
        "judge": {
            "name": "scripted", "scripted": True, "votes": 3, "asked": 1200, "prompt_tokens": 812345,
            "completion_tokens": 20417, "cost": None, "missing": {"userlm": {"business_realism": 3}},
            "scores": {name: scores_of(place) for place, name in of.items()},
            "checks": {
                "order": {
                    "dimensions": {"brevity": {"shift": 0.04, "difference": 0.5, "n": 20}},
                    "missing": 0, "prompt_tokens": 10, "completion_tokens": 1,
                },
                "length": {"business_realism": {"all": {"spearman": -0.1, "p": 0.3, "n": 20}}},
            },
        },
        "robustness": {
            "judge": "scripted", "scripted": True, "missing": 1, "undrawn": 0,
            "pass_rate": {kind: interval(0.8 + 0.02 * n) for n, kind in enumerate([*KINDS, "all"])},
        },
        "agreement": {
            "dimensions": {
                name: {"pearson": 0.79, "pearson_p": 1e-9, "spearman": 0.77, "spearman_p": 0.04, "n": 200}
                for name in ["profile_consistency", "business_realism", "interaction_logic"]
            },
            "raters": {"business_realism": {"icc": 0.71, "mean_pairwise_spearman": None, "raters": 10}},
        },
    }  # fmt: skip


def make_profile(number):
    kind = KINDS[number % len(KINDS)]
    return CustomerProfile(
        archetype=kind, name=f"Customer {number}", listing="Wrona, Polish bakery, 61 Beeston Road",
        description="owner and night baker of a Polish bakery", facts=("rye loaf sells at 3.40", "baking since two"),
        traits=("suspicious of bills", "tired"), pain_points=("the mill keeps billing sacks that never came",),
        concerns=("commission", "hidden_costs"), style="numbers first, no small talk", situation="waits for a call back",
    )  # fmt: skip


def make_turn(method, number, sales, customer):
    if method == HUMAN:
        return EvaluatedTurn(sales=sales, customer=customer, stage=STAGES[number])
    state = {
        "interest": 0.2 + 0.15 * number,
        "trust": 0.5,
        "patience": 0.9 - 0.1 * number,
        "settled": [],
    }
    references = ["Fifteen percent? That's my whole profit.", "What do you take off each order?"]
    guidance = {
        "stage": STAGES[number],
        "stance": "suspicious",
        "concern": "hidden_costs",
        "references": references,
    }
    return EvaluatedTurn(
        sales=sales, customer=customer, stage=STAGES[number], state=state, guidance=guidance
    )


def make_calls(each=15):
    """Return calls of every method and of people.

    One failed, and one customer says what a page must not run.
    """
    calls = []
    for method in [*METHODS, HUMAN]:
        for seller in [""] if method == HUMAN else SELLERS:
            for number in range(each):
                turns = [
                    make_turn(method, n, *words) for n, words in enumerate(SAID[: 2 + number % 4])
                ]
                call = EvaluatedCall(
                    method=method, salesperson=seller, number=number, profile=make_profile(number), turns=tuple(turns),
                    outcome=list(Outcome)[number % 4],
                )  # fmt: skip
                calls.append(call)
    calls[0] = calls[0].model_copy(
        update={"turns": (make_turn("usp", 0, IMAGE, SCRIPT), *calls[0].turns)}
    )
    failed = {"turns": (), "outcome": None, "error": "SimulatorError: no answer after 3 tries"}
    calls[1] = calls[1].model_copy(update=failed)
    return calls


@pytest.fixture(scope="module")
def results():
    return EvaluationResults.model_validate(make_document())


@pytest.fixture(scope="module")
def calls():
    return make_calls()


@pytest.fixture(scope="module")
def report(results, calls, tmp_path_factory):
    return write_report(results, calls, tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def html(report):
    return report.read_text(encoding="utf-8")


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
    assert (
        float(rows[3]["subjective"])
        == results.judge.scores["grouped"]["all"]["overall"].value
    )


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
        table.title for table in make_tables(results).values()
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
    column = Column("leaked", "leaked")
    assert [column.format(value) for value in (0.0, 0.001, -0.001, -0.5, float("nan"))] == [
        "0.00",
        "< 0.01",
        "0.00",
        "\N{MINUS SIGN}0.50",
        "\N{EN DASH}",
    ]


def test_the_best_is_the_best_method_never_people(results):
    fidelity = make_tables(results)["fidelity"]
    assert fidelity.rows[-1].name == "human floor"
    assert [fidelity.best(fidelity.rows, place) for place in range(5)] == [{"grouped"}] * 5
    faults = make_tables(results)["faults"]
    assert faults.best(faults.rows, 0) == {"grouped"}
    assert faults.best(faults.rows, 1) == set()  # all alike
    assert faults.best(faults.rows, 4) == set()  # not measured


def test_figures_are_written_as_images(report):
    names = {file.stem for file in (report.parent / "figures").glob("*.png")}
    assert {"figure_4a", "figure_4b", "figure_5b", "archetypes", "lengths", "outcomes"} <= names
    assert {name for name in names if name.startswith("stages_")} == {
        "stages_1_prompt-only", "stages_2_userlm", "stages_3_usp", "stages_4_grouped", "stages_5_human",
    }  # fmt: skip


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
    assert "usp: 2 calls failed and count in no figure." in html
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
    text = escape_json(json.dumps([SCRIPT, IMAGE], ensure_ascii=False))
    assert not set("<>&\u2028\u2029") & set(text)


def test_a_report_without_judge_or_people(tmp_path):
    document = make_document()
    sections = {key: document[key] for key in ("methods", "archetypes", "diversity")}
    del sections["diversity"][HUMAN]
    results = EvaluationResults.model_validate({**sections, "judge": None, "agents": None})
    page = write_report(results, [], tmp_path).read_text(encoding="utf-8")
    assert [row["s_pc"] for row in rows_of(tmp_path / "report.html", "table_2")] == [""] * 4
    assert "not meaningful" not in page
    assert not (tmp_path / "tables" / "table_1.csv").exists()
    assert [file.name for file in (tmp_path / "figures").iterdir()] == ["figure_4a.png"]


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"matplotlib missing.*gsim-env\[evaluation\]"):
        make_figures(EvaluationResults(methods=[], archetypes=[]))


def test_results_are_read_back_as_they_were_written(tmp_path, results):
    (tmp_path / "results.json").write_text(results.model_dump_json(), encoding="utf-8")
    read = read_results(tmp_path)
    assert read.model_dump(mode="json") == results.model_dump(mode="json")
    absent = read.diversity["usp"].late_hang_up
    assert absent.value != absent.value  # null is NaN again
    assert '"late_hang_up":{"value":null' in results.model_dump_json()


def test_a_results_file_of_another_form_is_refused_with_the_field(tmp_path, results):
    document = json.loads(results.model_dump_json())
    document["fidelity"]["usp"]["told_apart"] = None
    (tmp_path / "results.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"results\.json does not fit(.|\n)*told_apart"):
        read_results(tmp_path)


def test_a_column_without_a_field_is_an_error(results):
    with pytest.raises(AttributeError, match="told_apart"):
        as_interval(results.fidelity["usp"], "told_apart")


@pytest.mark.parametrize("group", ["food_delivery", "p4g"])
def test_committed_results_fit_the_models(group):
    results = read_results(Path(__file__).parents[2] / "results" / "evaluation" / group)
    assert results.fidelity["full"].c2st_accuracy.n > 0


# In a browser.


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip(
            "the page is looked at with chromium and chromedriver, which are not both on this machine's path"
        )
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (
        "headless=new", "no-sandbox", "disable-gpu", "disable-background-networking", "disable-component-update",
        "disable-sync", "no-first-run", "window-size=1200,900", f"user-data-dir={tmp_path_factory.mktemp('chromium')}",
    ):  # fmt: skip
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    made = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield made
    made.quit()


@pytest.fixture
def opened(browser, report):
    """The page as it is first seen; a script that fails fails the test."""
    browser.get("about:blank")
    browser.get_log("browser")
    browser.get(report.as_uri())
    pytest.importorskip("selenium.webdriver.support.wait").WebDriverWait(browser, 60).until(
        listed
    )  # the driver may come back before the page has changed
    yield browser
    assert browser.get_log("browser") == []


def choose(browser, name, value):
    browser.execute_script(
        "const e = document.forms[0].elements[arguments[0]]; e.value = arguments[1];"
        "e.dispatchEvent(new Event('input', {bubbles: true}))",
        name,
        value,
    )
    return browser.execute_script("return document.getElementById('count').textContent")


def listed(browser):
    return browser.execute_script("return document.querySelectorAll('#list > details').length")


@pytest.mark.slow
def test_the_list_shows_fifty_and_more_when_asked(opened, calls):
    assert listed(opened) == 50
    assert choose(opened, "method", "") == f"{len(calls)} calls"
    opened.find_element("id", "more").click()
    assert listed(opened) == 100
    assert (
        opened.execute_script("return document.querySelectorAll('.turn').length") == 0
    )  # built when opened


@pytest.mark.slow
def test_filters_narrow_the_list(opened, calls):
    all_of = len(calls)
    by_method = [call for call in calls if call.method == "grouped"]
    assert choose(opened, "method", "grouped") == f"{len(by_method)} of {all_of} calls"
    both = [call for call in by_method if call.outcome == Outcome.HUNG_UP]
    assert choose(opened, "outcome", "hung up") == f"{len(both)} of {all_of} calls"
    one_caller = [call for call in both if call.salesperson == "listening"]
    assert choose(opened, "salesperson", "listening") == f"{len(one_caller)} of {all_of} calls"
    one_kind = [call for call in one_caller if call.profile.archetype == KINDS[2]]
    assert choose(opened, "archetype", "status quo") == f"{len(one_kind)} of {all_of} calls"
    assert listed(opened) == len(one_kind) > 0


@pytest.mark.slow
def test_words_are_searched_in_what_was_said(opened, calls):
    said = [call for call in calls if any("Tuesday" in text for text in call.customer_texts)]
    assert choose(opened, "words", " tuesday ") == f"{len(said)} of {len(calls)} calls"
    assert choose(opened, "words", "no such words") == f"0 of {len(calls)} calls"


@pytest.mark.slow
def test_an_opened_call_shows_its_words_as_text_and_runs_none(opened):
    opened.find_element("css selector", "#list > details > summary").click()
    call = opened.find_element("css selector", "#list > details")
    opened.execute_async_script("setTimeout(arguments[0], 50)")  # the toggle event follows
    said = [one.get_property("textContent") for one in call.find_elements("css selector", ".said")]
    assert said[:3] == ["sales" + IMAGE, "customer" + SCRIPT, "sales" + SAID[0][0]]
    behind = call.find_element("css selector", ".behind").text
    for word in (
        "interest",
        "0.20",
        "suspicious",
        "hidden costs",
        "classified as: greeting",
        "What do you take off each order?",
    ):
        assert word in behind
    assert "sacks that never came" in call.text
    assert opened.execute_script("return [typeof window.hacked, document.images.length]") == [
        "undefined",
        0,
    ]


@pytest.mark.slow
def test_a_call_is_linked_to_by_its_id(opened, report):
    opened.get(report.as_uri() + "#call/usp%2Flistening%2F14")
    opened.refresh()
    opened.execute_async_script("setTimeout(arguments[0], 50)")
    shown = opened.find_elements("css selector", "details.call[open]")
    assert [one.get_attribute("data-id") for one in shown] == ["usp/listening/14"]
    shown[0].find_element("link text", "Same customer with grouped").click()
    opened.execute_async_script("setTimeout(arguments[0], 50)")
    shown = opened.find_elements("css selector", "details.call[open]")
    assert [one.get_attribute("data-id") for one in shown] == [
        "usp/listening/14",
        "grouped/listening/14",
    ]


@pytest.mark.slow
def test_nothing_is_fetched(opened, report):
    events = [json.loads(entry["message"])["message"] for entry in opened.get_log("performance")]
    asked = {
        e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"
    }
    own = (
        "data:",
        "chrome:",
        "chrome-untrusted:",
    )  # the page's empty icon, and the browser's first tab
    assert {url.split("#")[0] for url in asked if not url.startswith(own)} == {report.as_uri()}
    assert opened.execute_script("return performance.getEntriesByType('resource').length") == 0


@pytest.mark.slow
@pytest.mark.parametrize("width", [320, 360, 1200])
def test_the_page_is_no_wider_than_the_window(opened, width):
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    opened.execute_script(
        "document.querySelectorAll('details').forEach((one) => { one.open = true; })"
    )
    wide, window = opened.execute_script(
        "return [document.documentElement.scrollWidth, innerWidth]"
    )
    opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert window == width
    assert wide <= width


@pytest.mark.slow
def test_the_page_is_dark_where_dark_is_wanted(opened):
    seen = {}
    for scheme in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        seen[scheme] = opened.execute_script(
            "const text = document.querySelector('svg text');"
            "return [getComputedStyle(document.body).backgroundColor, getComputedStyle(text).fill]"
        )
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert seen == {
        "light": ["rgb(255, 255, 255)", "rgb(28, 32, 38)"],
        "dark": ["rgb(21, 24, 29)", "rgb(228, 231, 236)"],
    }
