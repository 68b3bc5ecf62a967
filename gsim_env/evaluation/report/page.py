"""The report of an evaluation.

One page that needs nothing else, its figures as images, its tables as CSV and Markdown.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gsim_env.evaluation.records import HUMAN, EvaluatedCall
from gsim_env.evaluation.report.figures import EXTRA, figures, svg, write_png
from gsim_env.evaluation.report.tables import PEOPLE, at, spoken, tables, write_csv, write_markdown
from gsim_env.util.extras import require

__all__ = ["write_report"]

PAGE = Path(__file__).parent / "templates"
LEVELS = ("interest", "trust", "patience")
ESCAPED = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}
"""What could end a script element, or a line of one, as JSON may write it too."""


def write_report(results: Mapping[str, Any], calls: Sequence[EvaluatedCall], out: Path) -> Path:
    """Write ``report.html``, ``figures/*.png``, ``tables/*.csv`` and ``tables.md`` to a folder, and
    return the page's path.

    Args:
        results: The evaluation's figures, as plain data; a section that is absent or ``None`` is
            left out.
        calls: The calls to browse, simulated and of people.
        out: The folder; it is made if it is not there.

    Raises:
        ImportError: if matplotlib or Jinja2 is not installed.
    """
    laid, plots = tables(results), figures(results)
    for name in ("figures", "tables"):
        (out / name).mkdir(parents=True, exist_ok=True)
    for table in laid.values():
        write_csv(out / "tables" / f"{table.name}.csv", table)
    write_markdown(out / "tables.md", laid.values())
    for plot in plots:
        write_png(plot, out / "figures")
    file = out / "report.html"
    file.write_text(page(results, calls, laid, plots), encoding="utf-8")
    return file


def page(
    results: Mapping[str, Any],
    calls: Sequence[EvaluatedCall],
    laid: Mapping[str, Any],
    plots: Sequence[Any],
) -> str:
    """Return the page.

    What models said is in it as JSON only; what is filled into the template is escaped.
    """
    jinja2, safe = require("jinja2", EXTRA), require("markupsafe", EXTRA).Markup
    script = (PAGE / "report.js").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True,
        loader=jinja2.FileSystemLoader(PAGE),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text: str = environment.get_template("report.html").render(
        results=results,
        manifest=results.get("manifest") or {},
        summary=summary(results, calls),
        missing=missing(results),
        tables=laid,
        plots={plot.name: {"title": plot.title, "svg": safe(svg(plot))} for plot in plots},
        stages=[plot.name for plot in plots if plot.name.startswith("stages_")],
        style=safe((PAGE / "report.css").read_text(encoding="utf-8")),
        script=safe(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        calls=safe(embedded([call_data(call) for call in calls])),
        shown=shown,
    )
    return text.lstrip()


def summary(results: Mapping[str, Any], calls: Sequence[EvaluatedCall]) -> str:
    """Return in a sentence what was compared."""
    manifest, names = results.get("manifest") or {}, results["methods"]
    people = at(manifest, "human", "calls")
    callers = manifest.get("salespeople") or sorted(
        {call.salesperson for call in calls if call.method != HUMAN}
    )
    against = (
        f", beside {people} recorded calls of people ({at(manifest, 'human', 'source')})"
        if people
        else ""
    )
    number = f"{manifest['calls']} calls to each of" if manifest.get("calls") else "calls to"
    of = f" of the group {manifest['group']}" if manifest.get("group") else ""
    return (
        f"{counted(len(names), 'simulated customer')}{of}: {', '.join(names)}. "
        f"{number} {counted(len(results['archetypes']), 'kind of customer', 'kinds of customers')}, "
        f"by {counted(len(callers), 'salesperson', 'salespeople')} ({', '.join(callers)}){against}."
    )


def missing(results: Mapping[str, Any]) -> list[str]:
    """Return in sentences what is missing; empty if nothing is."""
    found = [
        f"{name}: {counted(number, 'call')} failed and {'counts' if number == 1 else 'count'} in no figure."
        for name, number in (at(results, "manifest", "missing_calls") or {}).items()
        if number
    ]
    found += [
        f"{PEOPLE if name == HUMAN else name}: {counted(number, 'rating')} of {spoken(evaluator)} missing."
        for name, evaluators in (at(results, "judge", "missing") or {}).items()
        for evaluator, number in evaluators.items()
        if number
    ]
    found += [
        f"Robustness: {counted(number, noun)} missing."
        for key, noun in (("missing", "verdict"), ("undrawn", "profile"))
        if (number := at(results, "robustness", key))
    ]
    return found


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def shown(value: Any) -> str:
    """Return settings as text."""
    return (
        value
        if isinstance(value, str)
        else json.dumps(value, indent=1, ensure_ascii=False, default=str)
    )


def call_data(call: EvaluatedCall) -> dict[str, Any]:
    """Return what the page shows of a call."""
    return {
        "id": call.id,
        "method": call.method,
        "salesperson": call.salesperson,
        "number": call.number,
        "outcome": call.outcome,
        "error": call.error,
        "profile": call.profile.model_dump(mode="json"),
        "turns": [
            {
                "sales": turn.sales,
                "customer": turn.customer,
                "stage": turn.stage,
                "levels": None
                if turn.state is None
                else {name: turn.state.get(name) for name in LEVELS},
                "guidance": turn.guidance,
            }
            for turn in call.turns
        ],
    }


def embedded(data: Any) -> str:
    """Return data as JSON that can stand in a script element, whatever it says."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), default=str).translate(
        ESCAPED
    )
