"""The report's page in headless Chromium."""

import json
import shutil

import pytest

from gsim_env.dialogue import Outcome
from tests.evaluation.sample_report import EXCHANGES, IMAGE, KINDS, SCRIPT

FLAGS = (
    "headless=new",
    "no-sandbox",
    "disable-gpu",
    "disable-background-networking",
    "disable-component-update",
    "disable-sync",
    "no-first-run",
    "window-size=1200,900",
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("needs chromium and chromedriver on the path")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in FLAGS:
        options.add_argument(f"--{flag}")
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('chromium')}")
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
    matching = [call for call in calls if any("Tuesday" in text for text in call.customer_texts)]
    assert choose(opened, "words", " tuesday ") == f"{len(matching)} of {len(calls)} calls"
    assert choose(opened, "words", "no such words") == f"0 of {len(calls)} calls"


@pytest.mark.slow
def test_an_opened_call_shows_its_words_as_text_and_runs_none(opened):
    opened.find_element("css selector", "#list > details > summary").click()
    call = opened.find_element("css selector", "#list > details")
    opened.execute_async_script("setTimeout(arguments[0], 50)")  # the toggle event follows
    utterances = [
        one.get_property("textContent") for one in call.find_elements("css selector", ".utterance")
    ]
    assert utterances[:3] == ["sales" + IMAGE, "customer" + SCRIPT, "sales" + EXCHANGES[0][0]]
    internals = call.find_element("css selector", ".internals").text
    for word in (
        "interest",
        "0.20",
        "suspicious",
        "hidden costs",
        "classified as: greeting",
        "What do you take off each order?",
    ):
        assert word in internals
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
