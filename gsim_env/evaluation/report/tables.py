"""The tables of an evaluation, in the layouts of the paper."""

from collections.abc import Iterable, Mapping, Sequence

from pydantic import BaseModel

from gsim_env.evaluation.judge.judge import ALL
from gsim_env.evaluation.judge.reports import JudgeBiasReport
from gsim_env.evaluation.metrics.diversity import DiversityMetrics
from gsim_env.evaluation.records import HUMAN
from gsim_env.evaluation.report.results import EvaluationResults
from gsim_env.evaluation.report.table import ResultsTable, TableColumn, TableRow
from gsim_env.evaluation.schema import ABSENT, field_as_interval
from gsim_env.util.stats import ConfidenceInterval

__all__ = ["PEOPLE", "identifier_as_words", "make_results_tables"]

PEOPLE = "people"
"""How :data:`HUMAN` is shown to readers."""

CONSISTENCY = "Profile consistency"
REALISM = "Business realism"
INTERACTION = "Interaction logic"
TABLE_1 = (
    TableColumn("category_alignment", "Cat.", "up", CONSISTENCY),
    TableColumn("profile_adherence", "Pro.", "up", CONSISTENCY),
    TableColumn("profile_consistency", "Avg.", "up", CONSISTENCY),
    TableColumn("brevity", "Bre.", "up", REALISM),
    TableColumn("naturalness", "Nat.", "up", REALISM),
    TableColumn("context_immersion", "Con.", "up", REALISM),
    TableColumn("business_realism", "Avg.", "up", REALISM),
    TableColumn("intent_responsiveness", "Int.", "up", INTERACTION),
    TableColumn("logic_consistency", "Log.", "up", INTERACTION),
    TableColumn("interaction_logic", "Avg.", "up", INTERACTION),
    TableColumn("overall", "Overall", "up"),
)
TABLE_1_NOTE = (
    "Ratings from 0 to 10, higher is better. Cat.: behaves like its archetype. Pro.: keeps to its "
    "profile. Bre.: brevity. Nat.: naturalness. Con.: immersion in the customer's situation. Int.: "
    "responds to the salesperson's intent. Log.: changes its position for a reason."
)

SUBJECTIVE = "Subjective alignment"
OBJECTIVE = "Objective diversity"
TABLE_2_RATED = {
    TableColumn("s_pc", "S_PC", "up", SUBJECTIVE): "profile_consistency",
    TableColumn("s_br", "S_BR", "up", SUBJECTIVE): "business_realism",
    TableColumn("s_il", "S_IL", "up", SUBJECTIVE): "interaction_logic",
    TableColumn("subjective", "Subj. Avg.", "up", SUBJECTIVE): "overall",
}
"""Columns of table 2 with the judge's score that each shows."""
TABLE_2_OBJECTIVE = (
    TableColumn("tlv_share", "TLV share", "up", OBJECTIVE, has_interval=False),
    TableColumn("irs", "IRS", "up", OBJECTIVE),
    TableColumn("snr", "SNR", "up", OBJECTIVE),
    TableColumn("objective", "Obj. Avg.", "up", OBJECTIVE, has_interval=False),
)
TABLE_2_NOTE = (
    "S_PC, S_BR, S_IL: profile consistency, business realism and interaction logic, rated from 0 "
    "to 10. TLV share: variance of turn lengths, as a share of the sum over methods. IRS: distance "
    "between a customer's adjacent turns. SNR: share of the stages that a call visits."
)

SPEAKING_STYLE = (
    TableColumn("words_per_turn", "words per turn", digits=1),
    TableColumn("short_turns", "≤ 5 words"),
    TableColumn("long_turns", "> 50 words"),
    TableColumn("turns", "turns per call", digits=1),
    TableColumn("tlv", "TLV, raw", "up", digits=1),
    TableColumn("snr_pooled", "SNR, pooled", "up", has_interval=False),
    TableColumn("distinct_1", "distinct-1", "up", has_interval=False),
    TableColumn("distinct_2", "distinct-2", "up", has_interval=False),
)
SPEAKING_STYLE_NOTE = (
    "Shares of turns of at most five and of more than fifty words. SNR, pooled: share of the "
    "stages that occur in any call. Distinct-1 and -2: shares of distinct words and of distinct "
    "word pairs, over the same number of words and of word pairs for every method."
)
FAULTS = (
    TableColumn("role_inversion", "role inversion", "down"),
    TableColumn("leaked", "prompt leak", "down"),
    TableColumn("repetition", "repetition", "down"),
    TableColumn("premature_hang_up", "hung up too early", "down"),
    TableColumn("late_hang_up", "hung up too late", "down"),
)
FAULTS_NOTE = (
    "Lower is better. Shares of turns: the customer speaks as the salesperson, reveals parts of "
    "its prompt, or repeats an earlier turn. Shares of calls: the customer ends the call earlier "
    "than 95 % of people, or the call lasts longer than 95 % of people's."
)
FIDELITY = (
    TableColumn("words_distance", "turn length", "down"),
    TableColumn("c2st_accuracy", "C2ST accuracy", "half"),
    TableColumn("p_real", "P(real)", "up"),
    TableColumn("stage_distance", "stages", "down"),
    TableColumn("outcome_distance", "outcomes", "down"),
)
HUMAN_FLOOR = "human floor"
FIDELITY_NOTE = (
    "Turn length: Wasserstein distance in words. C2ST accuracy: classifier two-sample test; 0.5 is "
    "ideal. P(real): the group's discriminator. Stages: Jensen-Shannon distance of stage "
    "transitions, 0 to 1. Outcomes: total variation distance, 0 to 1. The last row is the "
    "human-to-human floor: other people measured in the same way. Its P(real) is that of the "
    "reference calls."
)
ARCHETYPE_METRICS = (
    TableColumn("words_per_turn", "words per turn", digits=1),
    TableColumn("irs", "IRS", "up"),
    TableColumn("snr", "SNR", "up"),
    TableColumn("accepted", "accepted"),
)

SPEARMAN = TableColumn("spearman", "Spearman", has_interval=False)
P_VALUE = TableColumn("p", "p", digits=3, has_interval=False)
RANK_CORRELATION = (SPEARMAN, P_VALUE, TableColumn("kendall", "Kendall", has_interval=False))
TABLE_3 = (
    TableColumn("pearson", "Pearson", has_interval=False),
    TableColumn("pearson_p", "p", digits=3, has_interval=False),
    SPEARMAN,
    TableColumn("spearman_p", "p", digits=3, has_interval=False),
    TableColumn("n", "calls", digits=0, has_interval=False),
)
RATERS = (
    TableColumn("icc", "ICC", has_interval=False),
    TableColumn("mean_pairwise_spearman", "Spearman, mean over pairs", has_interval=False),
    TableColumn("raters", "raters", digits=0, has_interval=False),
)
ORDER_CHECK = (
    TableColumn("shift", "shift", has_interval=False),
    TableColumn("difference", "absolute difference", has_interval=False),
    TableColumn("n", "calls", digits=0, has_interval=False),
)
ORDER_CHECK_NOTE = (
    "Scores with the dimensions in reverse order minus scores in the original order, from -10 to "
    "10. A shift of 0 is no bias; the absolute difference without a shift is noise."
)
LENGTH_CHECK = (SPEARMAN, P_VALUE, TableColumn("n", "calls", digits=0, has_interval=False))
LENGTH_CHECK_NOTE = (
    "Correlation of the scores with the words per turn. Business realism includes brevity, so some "
    "correlation is intended there."
)


def make_results_tables(results: EvaluationResults) -> dict[str, ResultsTable]:
    """Return the tables that an evaluation's results have rows for, by name, in page order."""
    diversity, fidelity = results.diversity, results.fidelity
    tables = [
        _ratings_table(results),
        _ratings_and_diversity_table(results),
        ResultsTable("speaking_style", "Speaking style", SPEAKING_STYLE_NOTE, ("method",),
              SPEAKING_STYLE, _method_rows(results, diversity, SPEAKING_STYLE)),
        ResultsTable("faults", "Faults", FAULTS_NOTE, ("method",), FAULTS,
              _method_rows(results, diversity, FAULTS)),
        ResultsTable("fidelity", "Distance from people", FIDELITY_NOTE, ("method",), FIDELITY,
              _method_rows(results, fidelity, FIDELITY, people=HUMAN_FLOOR)),
        _archetype_table(results),
        _acceptance_table(results),
        _rank_correlation_table(results),
        _pass_rate_table(results),
        *_agreement_tables(results),
    ]  # fmt: skip
    if results.judge is not None and results.judge.checks is not None:
        tables += _bias_tables(results.judge.checks)

    return {table.name: table for table in tables if table.rows}


def identifier_as_words(name: str) -> str:
    """Return an identifier with spaces for underscores; ``"human"`` becomes "people"."""
    return PEOPLE if name == HUMAN else name.replace("_", " ")


def _archetype_label(archetype: str) -> str:
    """Return an archetype as words."""
    return "all customers" if archetype == ALL else identifier_as_words(archetype)


def _method_row(
    name: str, cells: Iterable[ConfidenceInterval], block: str = "", *, people: str = PEOPLE
) -> TableRow:
    """Return the row of a method, or of people under the given label."""
    if name == HUMAN:
        return TableRow(people, tuple(cells), block, is_method=False)
    return TableRow(name, tuple(cells), block)


def _section_cells(section: BaseModel, columns: Sequence[TableColumn]) -> list[ConfidenceInterval]:
    """Return a section's values as intervals, one per column.

    Raises:
        AttributeError: if the section has no field of a column's key.
    """
    return [field_as_interval(section, column.key) for column in columns]


def _method_rows(
    results: EvaluationResults,
    sections: Mapping[str, BaseModel],
    columns: Sequence[TableColumn],
    people: str = PEOPLE,
) -> tuple[TableRow, ...]:
    """Return a row per method of a section, people last."""
    names = [name for name in results.names if name in sections]
    return tuple(
        _method_row(name, _section_cells(sections[name], columns), people=people) for name in names
    )


def _section_rows(
    sections: Mapping[str, BaseModel], columns: Sequence[TableColumn]
) -> tuple[TableRow, ...]:
    """Return a row per entry of a section, named by its key in words."""
    return tuple(
        TableRow(identifier_as_words(name), tuple(_section_cells(section, columns)))
        for name, section in sections.items()
    )


def _ratings_table(results: EvaluationResults) -> ResultsTable:
    """Return the ratings by archetype and method: the paper's table 1."""
    scores = results.judge.scores if results.judge else {}
    rows = []
    for archetype in (*results.archetypes, ALL):
        for name in results.names:
            figures = scores.get(name, {}).get(archetype)
            if figures is not None:
                cells = [figures[column.key] for column in TABLE_1]
                rows.append(_method_row(name, cells, _archetype_label(archetype)))

    title = "Table 1. Ratings by archetype"
    return ResultsTable(
        "table_1", title, TABLE_1_NOTE, ("archetype", "method"), TABLE_1, tuple(rows)
    )


def _ratings_and_diversity_table(results: EvaluationResults) -> ResultsTable:
    """Return ratings and diversity by method: the paper's table 2."""
    scores = results.judge.scores if results.judge else {}
    rows = []
    for name in results.names:
        diversity = results.diversity.get(name)
        ratings = scores.get(name, {}).get(ALL)
        if diversity is not None or ratings is not None:
            rows.append(_method_row(name, _ratings_and_diversity_cells(diversity, ratings)))

    title = "Table 2. Ratings and diversity"
    columns = (*TABLE_2_RATED, *TABLE_2_OBJECTIVE)
    return ResultsTable("table_2", title, TABLE_2_NOTE, ("method",), columns, tuple(rows))


def _ratings_and_diversity_cells(
    diversity: DiversityMetrics | None, ratings: Mapping[str, ConfidenceInterval] | None
) -> list[ConfidenceInterval]:
    """Return a method's judge scores and diversity metrics as the cells of table 2.

    A part that was not measured is absent.
    """
    rated = [ABSENT if ratings is None else ratings[key] for key in TABLE_2_RATED.values()]
    if diversity is None:
        return [*rated, *[ABSENT] * len(TABLE_2_OBJECTIVE)]
    return [*rated, *_section_cells(diversity, TABLE_2_OBJECTIVE)]


def _archetype_table(results: EvaluationResults) -> ResultsTable:
    """Return diversity and acceptance by archetype."""
    rows = []
    for archetype in results.archetypes:
        for name in results.names:
            figures = results.by_archetype.get(name, {}).get(archetype)
            if figures is not None:
                cells = _section_cells(figures, ARCHETYPE_METRICS)
                rows.append(_method_row(name, cells, _archetype_label(archetype)))

    index = ("archetype", "method")
    return ResultsTable("by_archetype", "By archetype", "", index, ARCHETYPE_METRICS, tuple(rows))


def _acceptance_table(results: EvaluationResults) -> ResultsTable:
    """Return the acceptance rate of each salesperson with each method's customers."""
    by_method = results.agents.acceptance if results.agents else {}
    salespeople: dict[str, None] = {}
    for rates in by_method.values():
        salespeople |= dict.fromkeys(rates)

    rows = [
        _method_row(name, [by_method[name].get(salesperson, ABSENT) for salesperson in salespeople])
        for name in results.names
        if name in by_method
    ]
    columns = tuple(TableColumn(name, name) for name in salespeople)
    note = "Share of calls that end with acceptance."
    title = "Acceptance by salesperson"
    return ResultsTable("acceptance", title, note, ("method",), columns, tuple(rows))


def _rank_correlation_table(results: EvaluationResults) -> ResultsTable:
    """Return the rank correlation of salespeople, a row per pair of methods."""
    pairs = results.agents.rank_correlation if results.agents else []
    rows = tuple(
        TableRow(
            identifier_as_words(pair.b),
            tuple(_section_cells(pair, RANK_CORRELATION)),
            identifier_as_words(pair.a),
        )
        for pair in pairs
    )
    note = "1: both methods rank the salespeople in the same order."
    title = "Rank correlation of salespeople"
    index = ("method", "other method")
    return ResultsTable("rank_correlation", title, note, index, RANK_CORRELATION, rows)


def _pass_rate_table(results: EvaluationResults) -> ResultsTable:
    """Return the share of profiles that pass the robustness test: figure 5b."""
    rates = results.robustness.pass_rate if results.robustness else {}
    rows = tuple(
        TableRow(_archetype_label(archetype), (rates[archetype],))
        for archetype in (*results.archetypes, ALL)
        if archetype in rates
    )
    columns = (TableColumn("pass_rate", "pass rate"),)
    note = "Share of drawn profiles that show their archetype."
    return ResultsTable("robustness", "Profile robustness", note, ("archetype",), columns, rows)


def _agreement_tables(results: EvaluationResults) -> list[ResultsTable]:
    """Return the judge's agreement with people (the paper's table 3), and that among people."""
    if results.agreement is None:
        return []
    title = "Table 3. Agreement of judge and people"
    judge_rows = _section_rows(results.agreement.dimensions, TABLE_3)
    rater_rows = _section_rows(results.agreement.raters, RATERS)
    return [
        ResultsTable("table_3", title, "", ("dimension",), TABLE_3, judge_rows),
        ResultsTable("raters", "Agreement among raters", "", ("dimension",), RATERS, rater_rows),
    ]


def _bias_tables(checks: JudgeBiasReport) -> list[ResultsTable]:
    """Return the checks of the judge for order bias and length bias."""
    order_rows = _section_rows(checks.order.dimensions, ORDER_CHECK)
    length_rows = []
    for evaluator, by_method in checks.length.items():
        for method, correlation in by_method.items():
            name = "all methods" if method == ALL else identifier_as_words(method)
            cells = tuple(_section_cells(correlation, LENGTH_CHECK))
            length_rows.append(TableRow(name, cells, identifier_as_words(evaluator)))

    index = ("evaluator", "method")
    return [
        ResultsTable("judge_order", "Judge: order bias", ORDER_CHECK_NOTE, ("dimension",),
              ORDER_CHECK, order_rows),
        ResultsTable("judge_length", "Judge: length bias", LENGTH_CHECK_NOTE, index, LENGTH_CHECK,
              tuple(length_rows)),
    ]  # fmt: skip
