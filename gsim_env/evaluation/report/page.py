"""The report of an evaluation: a self-contained HTML page, with its charts and tables as files."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, JsonValue

from gsim_env.dialogue import Outcome
from gsim_env.evaluation.records import EvaluatedCall
from gsim_env.evaluation.report.charts import make_charts
from gsim_env.evaluation.report.plotting import (
    ReportPlot,
    method_label,
    plot_as_svg,
    write_plot_png,
)
from gsim_env.evaluation.report.results import EvaluationResults
from gsim_env.evaluation.report.table import ResultsTable, write_table_csv, write_tables_markdown
from gsim_env.evaluation.report.tables import identifier_as_words, make_results_tables
from gsim_env.profiles import CustomerProfile
from gsim_env.util.extras import check_extra_installed

__all__ = ["write_html_report"]

TEMPLATES = Path(__file__).parent / "templates"

STATE_LEVELS = ("interest", "trust", "patience")
"""Parts of the latent state that the page shows as bars, each in [0, 1]."""

JSON_ESCAPES = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}
"""Characters that could end a script element or a line in it, as JSON escapes."""


def write_html_report(
    results: EvaluationResults, calls: Sequence[EvaluatedCall], out: Path
) -> Path:
    """Write an evaluation's report to a folder: HTML page, charts and tables.

    The files are ``report.html``, ``figures/*.png``, ``tables/*.csv`` and ``tables.md``.

    Args:
        results: The evaluation's results; an empty section is left out.
        calls: The calls to browse, simulated and recorded.
        out: The folder; it is created if needed.

    Returns:
        The path of the page.

    Raises:
        ImportError: if the extra ``evaluation`` is not installed.
    """
    check_extra_installed("evaluation")
    tables = make_results_tables(results)
    plots = make_charts(results)

    for name in ("figures", "tables"):
        (out / name).mkdir(parents=True, exist_ok=True)
    for table in tables.values():
        write_table_csv(out / "tables" / f"{table.name}.csv", table)
    write_tables_markdown(out / "tables.md", tables.values())
    for plot in plots:
        write_plot_png(plot, out / "figures")

    page = out / "report.html"
    page.write_text(_render_page(results, calls, tables, plots), encoding="utf-8")
    return page


def _render_page(
    results: EvaluationResults,
    calls: Sequence[EvaluatedCall],
    tables: Mapping[str, ResultsTable],
    plots: Sequence[ReportPlot],
) -> str:
    """Return the HTML report page.

    Words of models are in it as JSON only, and everything filled into the template is escaped.
    """
    from jinja2 import Environment, FileSystemLoader
    from markupsafe import Markup

    environment = Environment(
        autoescape=True,
        loader=FileSystemLoader(TEMPLATES),
        trim_blocks=True,
        lstrip_blocks=True,
    )

    # The page allows this one script only, by its hash.
    script = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    style = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    script_hash = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()

    charts = {}
    for plot in plots:
        charts[plot.name] = {"title": plot.title, "svg": Markup(plot_as_svg(plot))}  # noqa: S704

    # Markup marks what is safe as it is; everything else is escaped.
    text = environment.get_template("report.html").render(
        results=results,
        manifest=results.manifest.model_dump(mode="json") if results.manifest else {},
        summary=_describe_comparison(results),
        missing=_list_missing_data(results),
        tables=tables,
        plots=charts,
        stage_maps=[plot.name for plot in plots if plot.name.startswith("stages_")],
        style=Markup(style),  # noqa: S704
        script=Markup(script),  # noqa: S704
        script_hash=script_hash,
        calls=Markup(_calls_as_json(calls)),  # noqa: S704
        setting_text=_setting_as_text,
    )
    return text.lstrip()


def _describe_comparison(results: EvaluationResults) -> str:
    """Return sentences that name the methods, calls and salespeople an evaluation compares."""
    methods = _count_with_noun("method", len(results.methods))
    text = f"{methods}: {', '.join(results.methods)}."
    manifest = results.manifest
    if manifest is None:
        return text

    archetypes = _count_with_noun("archetype", len(results.archetypes))
    salespeople = _count_with_noun("salesperson", len(manifest.salespeople), "salespeople")
    calls = _count_with_noun("call", manifest.calls)
    recorded = _count_with_noun("recorded call", manifest.human.calls)
    return (
        f"Group {manifest.group}. {text} {calls} to each of {archetypes} by "
        f"{salespeople} ({', '.join(manifest.salespeople)}), "
        f"compared with {recorded} of people ({manifest.human.source})."
    )


def _list_missing_data(results: EvaluationResults) -> list[str]:
    """Return a sentence for everything that is missing; empty if nothing is."""
    sentences = []

    if results.manifest is not None:
        for name, number in results.manifest.missing_calls.items():
            verb = "counts" if number == 1 else "count"
            failed = f"{_count_with_noun('call', number)} failed and {verb} in no metric"
            sentences.append((number, f"{name}: {failed}."))

    if results.judge is not None:
        for name, by_evaluator in results.judge.missing.items():
            for evaluator, number in by_evaluator.items():
                ratings = (
                    f"{_count_with_noun('rating', number)} of {identifier_as_words(evaluator)}"
                )
                sentences.append((number, f"{method_label(name)}: {ratings} missing."))

    if results.robustness is not None:
        verdicts = results.robustness.missing
        profiles = results.robustness.undrawn
        sentences.append(
            (verdicts, f"Robustness: {_count_with_noun('verdict', verdicts)} missing.")
        )
        sentences.append(
            (profiles, f"Robustness: {_count_with_noun('profile', profiles)} missing.")
        )

    return [sentence for number, sentence in sentences if number]


def _count_with_noun(noun: str, number: int, plural: str = "") -> str:
    """Return a number with its noun in singular or plural."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def _setting_as_text(value: JsonValue) -> str:
    """Return a setting as text: strings as they are, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, indent=1, ensure_ascii=False)


class _PageTurn(BaseModel):
    """A turn as the page shows it; ``levels`` are the latent state's, by name."""

    sales: str
    customer: str
    stage: str | None
    levels: dict[str, float | None] | None
    guidance: dict[str, JsonValue] | None


class _PageCall(BaseModel):
    """A call as the page shows it."""

    id: str
    method: str
    salesperson: str
    number: int
    outcome: Outcome | None
    error: str | None
    profile: CustomerProfile
    turns: list[_PageTurn]


def _as_page_call(call: EvaluatedCall) -> _PageCall:
    """Return what the page shows of a call."""
    turns = []
    for turn in call.turns:
        levels = None
        if turn.state is not None:
            levels = {name: turn.state.get(name) for name in STATE_LEVELS}

        turns.append(
            _PageTurn(
                sales=turn.sales,
                customer=turn.customer,
                stage=turn.stage,
                levels=levels,
                guidance=turn.guidance,
            )
        )

    return _PageCall(
        id=call.id,
        method=call.method,
        salesperson=call.salesperson,
        number=call.number,
        outcome=call.outcome,
        error=call.error,
        profile=call.profile,
        turns=turns,
    )


def _calls_as_json(calls: Sequence[EvaluatedCall]) -> str:
    """Return the calls as JSON that is safe in a script element."""
    return escape_json_for_script(
        f"[{','.join(_as_page_call(call).model_dump_json() for call in calls)}]"
    )


def escape_json_for_script(text: str) -> str:
    """Escape the characters of JSON text that could end an HTML script element."""
    return text.translate(JSON_ESCAPES)
