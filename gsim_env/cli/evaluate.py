"""``gsim evaluate``.

How realistic and how varied simulated customers are, as tables, figures and a page to look at.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from gsim_env.cli.options import EncoderOption, GroupOption, JsonOption, SeedOption, model_spec
from gsim_env.cli.terminal import err, out, print_json
from gsim_env.errors import ConfigurationError
from gsim_env.groups import load_group
from gsim_env.simulation.config import SimulatorConfig
from gsim_env.util.extras import require

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True, help="Measure how realistic and how varied simulated customers are."
)

OwnGroupOption = Annotated[
    str | None,
    typer.Option(
        "--group", help="The group's folder, where the evaluation is not of a built-in one."
    ),
]
FolderArgument = Annotated[Path, typer.Argument(metavar="FOLDER", help="A finished evaluation.")]


@app.command()
def run(
    out_folder: Annotated[
        Path,
        typer.Option(
            "--out", help="Folder for everything that comes of it. Run again to go on where it was."
        ),
    ],
    group: GroupOption = "food_delivery",
    methods: Annotated[
        str,
        typer.Option(
            "--methods",
            help="What to compare: prompt_only, without_sop, full, or a methods file's.",
        ),
    ] = "prompt_only,without_sop,full",
    methods_file: Annotated[
        Path | None,
        typer.Option(
            "--methods-file",
            help="TOML with a table a method: its customer (a backend), guidance = true|false.",
        ),
    ] = None,
    salesperson: Annotated[
        list[str] | None,
        typer.Option(
            "--salesperson",
            metavar="NAME|JSON",
            help="The fixed agent: scripted, pitching, outline, or settings. Give several to see how methods rank them.",
        ),
    ] = None,
    calls: Annotated[int, typer.Option("--calls", min=1, help="Calls to each archetype.")] = 10,
    max_turns: Annotated[
        int, typer.Option("--max-turns", min=1, help="Exchanges after which a call is truncated.")
    ] = 15,
    seed: SeedOption = 0,
    encoder: EncoderOption = "minilm",
    discriminator: Annotated[
        str | None,
        typer.Option(
            "--discriminator", help="What gives P(real): a folder or a group; else the group's own."
        ),
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(
            "--judge",
            metavar="JSON",
            help="A language model that rates the calls (table 1), such as "
            '\'{"backend": "openai", "model": "gpt-4o"}\'. Without one there are no subjective scores.',
        ),
    ] = None,
    votes: Annotated[
        int, typer.Option("--votes", min=1, help="Ratings of each call by each evaluator.")
    ] = 1,
    judged_calls: Annotated[
        int | None,
        typer.Option("--judged-calls", min=1, help="Rate so many calls of each method only."),
    ] = None,
    profiles: Annotated[
        int,
        typer.Option(
            "--profiles",
            min=0,
            help="Profiles of each archetype in the robustness test; the paper's are 20.",
        ),
    ] = 0,
    checks: Annotated[
        int, typer.Option("--checks", min=0, help="Calls on which the judge is checked for bias.")
    ] = 0,
    prices: Annotated[
        tuple[float, float] | None,
        typer.Option(
            "--prices", metavar="IN OUT", help="Of a million tokens, to tell what the judge cost."
        ),
    ] = None,
) -> None:
    """Play calls with each method, measure them against real people, and write tables, figures and
    report.html.

    gsim evaluate run --out runs/first --methods prompt_only,full --calls 10
    """
    evaluation = require("gsim_env.evaluation.run", "evaluation")
    plan = require("gsim_env.evaluation.play", "evaluation").Plan(
        simulator=SimulatorConfig(group=group, max_turns=max_turns, encoder=encoder),
        methods=require("gsim_env.evaluation.methods", "evaluation").known_methods(
            [name.strip() for name in methods.split(",") if name.strip()], methods_file
        ),
        salespeople=named(
            [model_spec(text, "--salesperson") for text in salesperson or ["scripted"]]
        ),
        calls=calls,
        seed=seed,
    )
    if judge is None and (profiles or checks or judged_calls or prices or votes > 1):
        raise ConfigurationError(
            "--votes, --judged-calls, --profiles, --checks and --prices are about a judge: give --judge too."
        )
    judging = judge and evaluation.Judging(
        model_spec(judge, "--judge"), votes, judged_calls, profiles, checks, prices
    )
    with bars(
        "play", *(["judge"] if judge else []), *(["profiles"] if profiles else [])
    ) as progress:
        results = evaluation.evaluate(plan, out_folder, judging or None, discriminator, progress)
    for table in (
        require("gsim_env.evaluation.report.tables", "evaluation").tables(results).values()
    ):
        out.print(shown(table))
    missing = {name: count for name, count in results["manifest"]["missing_calls"].items() if count}
    if missing:
        out.print(
            f"Calls that infrastructure failed, and that are in no figure: {missing}. Run again to play them.",
            style="red",
        )
    out.print(
        Text.assemble(("✓ ", "bold green"), (str(out_folder / "report.html"), "magenta")),
        soft_wrap=True,
    )


@app.command()
def rating_sheet(
    folder: FolderArgument,
    out_file: Annotated[
        Path,
        typer.Option("--out", help="The sheet, a CSV; instructions and key are put beside it."),
    ],
    calls: Annotated[
        int, typer.Option("--calls", min=1, help="Calls of each method; the paper has 50.")
    ] = 50,
    group: OwnGroupOption = None,
    seed: SeedOption = 0,
) -> None:
    """Write a blind sheet for human raters, with instructions.

    The key tells later which call is which.
    """
    evaluation = require("gsim_env.evaluation.run", "evaluation")
    found = evaluation.read_calls(folder)
    cohort = load_group(group or evaluation.read_results(folder)["manifest"]["group"])
    sheet = require("gsim_env.evaluation.judge.rating_sheet", "evaluation").write_rating_sheet(
        found, cohort, out_file, calls, seed
    )
    out.print(f"For the raters: {sheet.sheet} and {sheet.instructions}", soft_wrap=True)
    out.print(f"Not for the raters: {sheet.key}", soft_wrap=True)


@app.command()
def agreement(
    folder: FolderArgument,
    sheets: Annotated[
        list[Path], typer.Argument(metavar="SHEET...", help="Sheets that raters have filled in.")
    ],
    key: Annotated[Path, typer.Option("--key", help="The key of the sheet.")],
    as_json: JsonOption = False,
) -> None:
    """Say how well the judge agrees with human raters (table 3), and put it into the report."""
    evaluation = require("gsim_env.evaluation.run", "evaluation")
    ratings = require("gsim_env.evaluation.judge.rating_sheet", "evaluation").read_ratings(
        sheets, key
    )
    results = evaluation.read_results(folder)
    agree = require("gsim_env.evaluation.metrics.agreement", "evaluation").agreement
    results["agreement"] = agree(ratings, evaluation.read_ratings(folder))
    evaluation.write_results(folder, results, evaluation.read_calls(folder))
    results = evaluation.read_results(folder)
    if as_json:
        print_json(results["agreement"])
        return
    out.print(
        shown(require("gsim_env.evaluation.report.tables", "evaluation").tables(results)["table_3"])
    )


@app.command()
def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="A finished evaluation, or FOLDER:METHOD.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another.")],
    group: OwnGroupOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare two simulators call by call.

    Differences with their confidence, and whether they rank salespeople alike.
    """
    comparing = require("gsim_env.evaluation.compare", "evaluation")
    sides = comparing.side_of(a), comparing.side_of(b)
    cohort = load_group(group or sides[0].manifest["group"])
    encoder = require("gsim_env.models.registry", "evaluation").shared_encoder(
        sides[0].manifest["plan"]["encoder"]
    )
    reader = require("gsim_env.evaluation.metrics.features", "evaluation").FeatureExtractor(
        cohort, encoder
    )
    plain = require("gsim_env.evaluation.metrics.intervals", "evaluation").plain
    found = plain(comparing.compare(*sides, reader, cohort))
    if as_json:
        print_json(found)
        return
    table = Table(
        "", "A", "B", "B - A", title=f"A {found['a']}   B {found['b']}", title_justify="left"
    )
    for name, row in found["figures"].items():
        table.add_row(
            name.replace("_", " "), *(interval(row[part]) for part in ("a", "b", "difference"))
        )
    out.print(table)
    out.print(
        "In pairs: the same customers by the same seeds."
        if found["paired"]
        else "Not in pairs: other customers or seeds."
    )
    if found["agents"] is not None:
        out.print(
            f"Salespeople ranked alike: Spearman {found['agents']['spearman']}, Kendall {found['agents']['kendall']}."
        )


def named(policies: list[Any]) -> dict[str, Any]:
    """Return salespeople by name; two of a kind are numbered."""
    found: dict[str, Any] = {}
    for policy in policies:
        kind = policy if isinstance(policy, str) else str(policy.get("policy"))
        name = kind if kind not in found else f"{kind}-{len(found) + 1}"
        found[name] = policy
    return found


@contextmanager
def bars(*steps: str) -> Iterator[Callable[[str, int, int], None]]:
    """Show a progress bar for each step; give what tells them how far it is."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err) as shown_bars:
        tasks = {step: shown_bars.add_task(step, start=False, total=None) for step in steps}

        def progress(step: str, done: int, total: int) -> None:
            shown_bars.start_task(tasks[step])
            shown_bars.update(tasks[step], completed=done, total=total)

        yield progress


def interval(found: dict[str, Any]) -> str:
    """Return a figure with its interval for the terminal."""
    if found["value"] is None:
        return "–"  # noqa: RUF001
    ends = "" if found["low"] is None else f" [{found['low']:.2f}, {found['high']:.2f}]"
    return f"{found['value']:.2f}{ends}"


def shown(table: Any) -> Table:
    """Return a table of the report for the terminal.

    Figures without their intervals, which the report has.
    """
    found = Table(title=table.title, title_justify="left", title_style="bold", padding=(0, 1))
    found.add_column("")
    for column in table.columns:
        found.add_column(f"{column.label} {column.arrow}".strip(), justify="right")
    for name, rows in table.blocks:
        if name:
            found.add_row(Text(name.replace("_", " "), style="italic"))
        for row in rows:
            cells = zip(table.columns, row.cells, strict=True)
            found.add_row(
                row.name, *(cell.text or column.show(cell.value) for column, cell in cells)
            )
    return found
