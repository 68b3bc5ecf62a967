"""``gsim evaluate``: measure how realistic and how diverse simulated customers are."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table as TerminalTable
from rich.text import Text

from gsim_env.cli.options import (
    EncoderOption,
    GroupOption,
    JsonOption,
    SeedOption,
    parse_model_option,
    parse_salesperson_option,
)
from gsim_env.cli.progress import progress_bars
from gsim_env.cli.terminal import out, print_json
from gsim_env.errors import ConfigurationError
from gsim_env.groups import Group, load_group
from gsim_env.simulation.config import SimulatorConfig
from gsim_env.simulation.salespeople import PolicySpec
from gsim_env.util.extras import check_extra_installed
from gsim_env.util.stats import ConfidenceInterval

if TYPE_CHECKING:
    from gsim_env.evaluation.compare import MethodComparison
    from gsim_env.evaluation.report.results import EvaluationResults
    from gsim_env.evaluation.report.table import ResultsTable

__all__ = ["app"]

EXTRA = "evaluation"

app = typer.Typer(
    no_args_is_help=True, help="Measure how realistic and how diverse simulated customers are."
)

OutOption = Annotated[
    Path,
    typer.Option(
        "--out", help="Output folder. Resumes after an interruption: rerun the same command."
    ),
]
MethodsOption = Annotated[
    str,
    typer.Option(
        "--methods",
        help="Methods to compare, separated by commas: prompt_only, without_sop, full, or those of "
        "--methods-file.",
    ),
]
MethodsFileOption = Annotated[
    Path | None,
    typer.Option(
        "--methods-file",
        help="TOML file with one table per method: customer = a backend, guidance = true or false.",
    ),
]
SalespersonOption = Annotated[
    list[str] | None,
    typer.Option(
        "--salesperson",
        metavar="NAME|JSON",
        help="The salesperson: scripted, pitching, outline, or settings as JSON. Repeat the option "
        "to compare how methods rank salespeople.",
    ),
]
CallsOption = Annotated[
    int, typer.Option("--calls", min=1, help="Calls per archetype, method and salesperson.")
]
MaxTurnsOption = Annotated[
    int, typer.Option("--max-turns", min=1, help="Turns after which a call is truncated.")
]
DiscriminatorOption = Annotated[
    str | None,
    typer.Option(
        "--discriminator",
        help="Discriminator for P(real): a folder or a group. Default: the group's own, if any.",
    ),
]
JudgeOption = Annotated[
    str | None,
    typer.Option(
        "--judge",
        metavar="JSON",
        help="Language model that rates the calls (table 1), such as "
        '\'{"backend": "openai", "model": "gpt-4o"}\'. Without it there are no subjective scores.',
    ),
]
VotesOption = Annotated[
    int, typer.Option("--votes", min=1, help="Ratings of each call by each evaluator.")
]
JudgedCallsOption = Annotated[
    int | None,
    typer.Option("--judged-calls", min=1, help="Rated calls per method. Default: all."),
]
ProfilesOption = Annotated[
    int,
    typer.Option(
        "--profiles",
        min=0,
        help="Profiles per archetype in the robustness test (the paper: 20). 0 skips the test.",
    ),
]
ChecksOption = Annotated[
    int, typer.Option("--checks", min=0, help="Calls in the judge's bias checks. 0 skips them.")
]
PricesOption = Annotated[
    tuple[float, float] | None,
    typer.Option(
        "--prices",
        metavar="IN OUT",
        help="Prices of a million prompt and completion tokens, to report the judge's cost.",
    ),
]
EvaluatedGroupOption = Annotated[
    str | None,
    typer.Option("--group", help="Folder of the group, if it is not a built-in one."),
]
FolderArgument = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="Folder of a finished evaluation.")
]


@app.command("run")
def run_evaluation_command(
    out_folder: OutOption,
    group: GroupOption = "food_delivery",
    methods: MethodsOption = "prompt_only,without_sop,full",
    methods_file: MethodsFileOption = None,
    salesperson: SalespersonOption = None,
    calls: CallsOption = 10,
    max_turns: MaxTurnsOption = 15,
    seed: SeedOption = 0,
    encoder: EncoderOption = "minilm",
    discriminator: DiscriminatorOption = None,
    judge: JudgeOption = None,
    votes: VotesOption = 1,
    judged_calls: JudgedCallsOption = None,
    profiles: ProfilesOption = 0,
    checks: ChecksOption = 0,
    prices: PricesOption = None,
) -> None:
    """Play calls with each method and compare them with recorded calls of people.

    Writes results.json, tables, charts and report.html to the output folder.

    gsim evaluate run --out runs/first --methods prompt_only,full --calls 10
    """
    check_extra_installed(EXTRA)
    from gsim_env.evaluation.methods import load_named_methods
    from gsim_env.evaluation.play import EvaluationPlan
    from gsim_env.evaluation.run import JudgeSettings, run_evaluation

    if judge is None and (profiles or checks or judged_calls or prices or votes > 1):
        raise ConfigurationError(
            "--votes, --judged-calls, --profiles, --checks and --prices need a judge: add --judge."
        )

    names = [name.strip() for name in methods.split(",") if name.strip()]
    policies = [parse_salesperson_option(text) for text in salesperson or ["scripted"]]
    plan = EvaluationPlan(
        simulator=SimulatorConfig(group=group, max_turns=max_turns, encoder=encoder),
        methods=load_named_methods(names, methods_file),
        salespeople=_name_salespeople(policies),
        calls=calls,
        seed=seed,
    )

    judging = None
    if judge is not None:
        model = parse_model_option(judge, "--judge")
        judging = JudgeSettings(model, votes, judged_calls, profiles, checks, prices)

    steps = ["play", *(["judge"] if judge else []), *(["profiles"] if profiles else [])]
    with progress_bars(steps) as progress:
        results = run_evaluation(plan, out_folder, judging, discriminator, progress)

    _print_results(results, out_folder)


@app.command("rating-sheet")
def write_rating_sheet_command(
    folder: FolderArgument,
    out_file: Annotated[
        Path,
        typer.Option(
            "--out", help="CSV file to write; instructions and key are written to the same folder."
        ),
    ],
    calls: Annotated[
        int, typer.Option("--calls", min=1, help="Calls per method (the paper: 50).")
    ] = 50,
    group: EvaluatedGroupOption = None,
    seed: SeedOption = 0,
) -> None:
    """Write a blind rating sheet for human raters, with instructions.

    The key file says which call belongs to which method; keep it from the raters.
    """
    check_extra_installed(EXTRA)
    from gsim_env.evaluation.judge.rating_sheet import write_rating_sheet
    from gsim_env.evaluation.output import read_evaluated_calls, read_evaluation_results

    cohort = _load_evaluated_group(group, read_evaluation_results(folder))
    sheet = write_rating_sheet(read_evaluated_calls(folder), cohort, out_file, calls, seed)

    out.print(f"For the raters: {sheet.sheet} and {sheet.instructions}", soft_wrap=True)
    out.print(f"Not for the raters: {sheet.key}", soft_wrap=True)


@app.command("agreement")
def measure_agreement_command(
    folder: FolderArgument,
    sheets: Annotated[
        list[Path], typer.Argument(metavar="SHEET...", help="Completed rating sheets.")
    ],
    key: Annotated[Path, typer.Option("--key", help="Key file of the rating sheet.")],
    as_json: JsonOption = False,
) -> None:
    """Measure how well the judge agrees with human raters (table 3), and update the report."""
    check_extra_installed(EXTRA)
    from gsim_env.evaluation.judge.rating_sheet import read_human_ratings
    from gsim_env.evaluation.metrics.agreement import judge_human_agreement
    from gsim_env.evaluation.output import (
        read_evaluated_calls,
        read_evaluation_results,
        read_judge_ratings,
        write_results_and_report,
    )
    from gsim_env.evaluation.report.tables import make_results_tables

    human = read_human_ratings(sheets, key)
    report = judge_human_agreement(human, read_judge_ratings(folder))
    results = read_evaluation_results(folder).model_copy(update={"agreement": report})
    write_results_and_report(folder, results, read_evaluated_calls(folder))

    if as_json:
        print_json(report.model_dump(mode="json"))
    else:
        out.print(_terminal_table(make_results_tables(results)["table_3"]))


@app.command("compare")
def compare_methods_command(
    a: Annotated[
        str, typer.Argument(metavar="A", help="A finished evaluation: FOLDER or FOLDER:METHOD.")
    ],
    b: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
    group: EvaluatedGroupOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare two methods call by call: differences with 95 % intervals, and rank correlations."""
    check_extra_installed(EXTRA)
    from gsim_env.evaluation.compare import compare_methods, load_evaluated_method
    from gsim_env.evaluation.metrics.features import CallFeatureExtractor
    from gsim_env.models.registry import shared_cached_encoder

    first = load_evaluated_method(a)
    second = load_evaluated_method(b)
    cohort = load_group(group or first.manifest.group)
    extractor = CallFeatureExtractor(
        cohort, shared_cached_encoder(str(first.manifest.plan["encoder"]))
    )
    comparison = compare_methods(first, second, extractor, cohort)

    if as_json:
        print_json(comparison.model_dump(mode="json"))
    else:
        _print_comparison(comparison)


def _load_evaluated_group(group: str | None, results: "EvaluationResults") -> Group:
    """Load the group of an evaluation: the one given, else the one in its manifest."""
    if group is not None:
        return load_group(group)
    if results.manifest is None:
        raise ConfigurationError("The evaluation has no manifest. Name its group: --group FOLDER")
    return load_group(results.manifest.group)


def _name_salespeople(policies: Sequence[PolicySpec]) -> dict[str, PolicySpec]:
    """Return salespeople by the name of their policy; later ones of a name are numbered."""
    named: dict[str, PolicySpec] = {}
    for policy in policies:
        kind = policy if isinstance(policy, str) else str(policy.get("policy"))
        name = kind if kind not in named else f"{kind}-{len(named) + 1}"
        named[name] = policy
    return named


def _print_results(results: "EvaluationResults", out_folder: Path) -> None:
    """Print the tables, the number of failed calls and the path of the report."""
    from gsim_env.evaluation.report.tables import make_results_tables

    for table in make_results_tables(results).values():
        out.print(_terminal_table(table))

    failed = results.manifest.missing_calls if results.manifest else {}
    missing = {name: count for name, count in failed.items() if count}
    if missing:
        out.print(
            f"Failed calls, which count in no metric: {missing}. Rerun the command to play them.",
            style="red",
        )

    report = Text.assemble(("✓ ", "bold green"), (str(out_folder / "report.html"), "magenta"))
    out.print(report, soft_wrap=True)


def _print_comparison(comparison: "MethodComparison") -> None:
    """Print the differences of two methods."""
    title = f"A {comparison.a}   B {comparison.b}"
    table = TerminalTable("", "A", "B", "B - A", title=title, title_justify="left")
    for name, figure in comparison.figures.items():
        intervals = (figure.a, figure.b, figure.difference)
        table.add_row(name.replace("_", " "), *map(_interval_text, intervals))
    out.print(table)

    if comparison.paired:
        out.print("Paired by call: same customers, same seeds.")
    else:
        out.print("Not paired: different customers or seeds.")

    ranking = comparison.agents
    if ranking is not None:
        out.print(
            f"Rank correlation of salespeople: Spearman {_number_text(ranking.spearman)}, "
            f"Kendall {_number_text(ranking.kendall)}."
        )


def _interval_text(interval: ConfidenceInterval) -> str:
    """Return a value with its interval for the terminal."""
    if math.isnan(interval.value):
        return "–"  # noqa: RUF001
    ends = "" if math.isnan(interval.low) else f" [{interval.low:.2f}, {interval.high:.2f}]"
    return f"{interval.value:.2f}{ends}"


def _number_text(value: float | None) -> str:
    """Return a number for the terminal, or a dash."""
    return "–" if value is None else f"{value:.2f}"  # noqa: RUF001


def _terminal_table(table: "ResultsTable") -> TerminalTable:
    """Return a table of the report for the terminal, without intervals."""
    terminal = TerminalTable(
        title=table.title, title_justify="left", title_style="bold", padding=(0, 1)
    )
    terminal.add_column("")
    for column in table.columns:
        terminal.add_column(f"{column.label} {column.arrow}".strip(), justify="right")

    for block, rows in table.blocks:
        if block:
            terminal.add_row(Text(block, style="italic"))
        for row in rows:
            cells = zip(table.columns, row.cells, strict=True)
            terminal.add_row(row.name, *(column.format(cell.value) for column, cell in cells))

    return terminal
