"""The tables of an evaluation, in the layouts of the paper."""

from collections.abc import Iterable, Mapping, Sequence

from pydantic import BaseModel

from gsim_env.evaluation.judge.judge import ALL
from gsim_env.evaluation.judge.reports import BiasReport
from gsim_env.evaluation.metrics.diversity import Diversity
from gsim_env.evaluation.records import HUMAN
from gsim_env.evaluation.report.results import EvaluationResults
from gsim_env.evaluation.report.table import Column, Row, Table
from gsim_env.evaluation.schema import ABSENT, as_interval
from gsim_env.util.stats import ConfidenceInterval

__all__ = ["PEOPLE", "display_name", "make_tables"]

PEOPLE = "people"
"""How :data:`HUMAN` is shown to readers."""

CONSISTENCY = "Profile consistency"
REALISM = "Business realism"
INTERACTION = "Interaction logic"
TABLE_1 = (
    Column("category_alignment", "Cat.", "up", CONSISTENCY),
    Column("profile_adherence", "Pro.", "up", CONSISTENCY),
    Column("profile_consistency", "Avg.", "up", CONSISTENCY),
    Column("brevity", "Bre.", "up", REALISM),
    Column("naturalness", "Nat.", "up", REALISM),
    Column("context_immersion", "Con.", "up", REALISM),
    Column("business_realism", "Avg.", "up", REALISM),
    Column("intent_responsiveness", "Int.", "up", INTERACTION),
    Column("logic_consistency", "Log.", "up", INTERACTION),
    Column("interaction_logic", "Avg.", "up", INTERACTION),
    Column("overall", "Overall", "up"),
)
TABLE_1_NOTE = (
    "Ratings from 0 to 10, higher is better. Cat.: behaves like its archetype. Pro.: keeps to its "
    "profile. Bre.: brevity. Nat.: naturalness. Con.: immersion in the customer's situation. Int.: "
    "responds to the salesperson's intent. Log.: changes its position for a reason."
)

SUBJECTIVE = "Subjective alignment"
OBJECTIVE = "Objective diversity"
TABLE_2_RATED = {
    Column("s_pc", "S_PC", "up", SUBJECTIVE): "profile_consistency",
    Column("s_br", "S_BR", "up", SUBJECTIVE): "business_realism",
    Column("s_il", "S_IL", "up", SUBJECTIVE): "interaction_logic",
    Column("subjective", "Subj. Avg.", "up", SUBJECTIVE): "overall",
}
"""Columns of table 2 with the judge's figure that each shows."""
TABLE_2_OBJECTIVE = (
    Column("tlv_share", "TLV share", "up", OBJECTIVE, has_interval=False),
    Column("irs", "IRS", "up", OBJECTIVE),
    Column("snr", "SNR", "up", OBJECTIVE),
    Column("objective", "Obj. Avg.", "up", OBJECTIVE, has_interval=False),
)
TABLE_2_NOTE = (
    "S_PC, S_BR, S_IL: profile consistency, business realism and interaction logic, rated from 0 "
    "to 10. TLV share: variance of turn lengths, as a share of the sum over methods. IRS: distance "
    "between a customer's adjacent turns. SNR: share of the stages that a call visits."
)

SPEAKING_STYLE = (
    Column("words_per_turn", "words per turn", digits=1),
    Column("short_turns", "≤ 5 words"),
    Column("long_turns", "> 50 words"),
    Column("turns", "turns per call", digits=1),
    Column("tlv", "TLV, raw", "up", digits=1),
    Column("snr_pooled", "SNR, pooled", "up", has_interval=False),
    Column("distinct_1", "distinct-1", "up", has_interval=False),
    Column("distinct_2", "distinct-2", "up", has_interval=False),
)
SPEAKING_STYLE_NOTE = (
    "Shares of turns of at most five and of more than fifty words. SNR, pooled: share of the "
    "stages that occur in any call. Distinct-1 and -2: distinct words and word pairs by all, over "
    "the same number of words and word pairs for every method."
)
FAULTS = (
    Column("role_inversion", "role inversion", "down"),
    Column("leaked", "prompt leak", "down"),
    Column("repetition", "repetition", "down"),
    Column("premature_hang_up", "hung up too early", "down"),
    Column("late_hang_up", "hung up too late", "down"),
)
FAULTS_NOTE = (
    "Lower is better. Shares of turns: the customer speaks as the salesperson, reveals parts of "
    "its prompt, or repeats an earlier turn. Shares of calls: the customer ends the call earlier "
    "than 95 % of people, or the call lasts longer than 95 % of people's."
)
FIDELITY = (
    Column("words_distance", "turn length", "down"),
    Column("c2st_accuracy", "C2ST accuracy", "half"),
    Column("p_real", "P(real)", "up"),
    Column("stage_distance", "stages", "down"),
    Column("outcome_distance", "outcomes", "down"),
)
HUMAN_FLOOR = "human floor"
FIDELITY_NOTE = (
    "Turn length: Wasserstein distance in words. C2ST accuracy: classifier two-sample test; 0.5 is "
    "ideal. P(real): the group's discriminator. Stages: Jensen-Shannon distance of stage "
    "transitions, 0 to 1. Outcomes: total variation distance, 0 to 1. The last row is the "
    "human-to-human floor: other people measured in the same way. Its P(real) is that of the "
    "reference calls."
)
ARCHETYPE_FIGURES = (
    Column("words_per_turn", "words per turn", digits=1),
    Column("irs", "IRS", "up"),
    Column("snr", "SNR", "up"),
    Column("accepted", "accepted"),
)

SPEARMAN = Column("spearman", "Spearman", has_interval=False)
P_VALUE = Column("p", "p", digits=3, has_interval=False)
RANK_CORRELATION = (SPEARMAN, P_VALUE, Column("kendall", "Kendall", has_interval=False))
TABLE_3 = (
    Column("pearson", "Pearson", has_interval=False),
    Column("pearson_p", "p", digits=3, has_interval=False),
    SPEARMAN,
    Column("spearman_p", "p", digits=3, has_interval=False),
    Column("n", "calls", digits=0, has_interval=False),
)
RATERS = (
    Column("icc", "ICC", has_interval=False),
    Column("mean_pairwise_spearman", "Spearman, mean over pairs", has_interval=False),
    Column("raters", "raters", digits=0, has_interval=False),
)
ORDER_CHECK = (
    Column("shift", "shift", has_interval=False),
    Column("difference", "absolute difference", has_interval=False),
    Column("n", "calls", digits=0, has_interval=False),
)
ORDER_CHECK_NOTE = (
    "Scores with the dimensions in reverse order minus scores in the original order, from -10 to "
    "10. A shift of 0 is no bias; the absolute difference without a shift is noise."
)
LENGTH_CHECK = (SPEARMAN, P_VALUE, Column("n", "calls", digits=0, has_interval=False))
LENGTH_CHECK_NOTE = (
    "Correlation of the scores with the words per turn. Business realism includes brevity, so some "
    "correlation is intended there."
)


def make_tables(results: EvaluationResults) -> dict[str, Table]:
    """Return the tables that the results have rows for, by name, in the page's order."""
    diversity, fidelity = results.diversity, results.fidelity
    tables = [
        table_1(results),
        table_2(results),
        Table("speaking_style", "Speaking style", SPEAKING_STYLE_NOTE, ("method",), SPEAKING_STYLE,
              method_rows(results, diversity, SPEAKING_STYLE)),
        Table("faults", "Faults", FAULTS_NOTE, ("method",), FAULTS,
              method_rows(results, diversity, FAULTS)),
        Table("fidelity", "Distance from people", FIDELITY_NOTE, ("method",), FIDELITY,
              method_rows(results, fidelity, FIDELITY, people=HUMAN_FLOOR)),
        by_archetype(results),
        acceptance(results),
        rank_correlation(results),
        pass_rates(results),
        *agreement_tables(results),
    ]  # fmt: skip
    if results.judge is not None and results.judge.checks is not None:
        tables += bias_tables(results.judge.checks)

    return {table.name: table for table in tables if table.rows}


def display_name(name: str) -> str:
    """Return an identifier as words; ``"human"`` is shown as people."""
    return PEOPLE if name == HUMAN else name.replace("_", " ")


def archetype_label(archetype: str) -> str:
    """Return an archetype as words."""
    return "all customers" if archetype == ALL else display_name(archetype)


def row(
    name: str, cells: Iterable[ConfidenceInterval], block: str = "", *, people: str = PEOPLE
) -> Row:
    """Return the row of a method, or of people under the given label."""
    if name == HUMAN:
        return Row(people, tuple(cells), block, is_method=False)
    return Row(name, tuple(cells), block)


def cells_of(section: BaseModel, columns: Sequence[Column]) -> list[ConfidenceInterval]:
    """Return a section's figures, one per column.

    Raises:
        AttributeError: if the section has no field of a column's key.
    """
    return [as_interval(section, column.key) for column in columns]


def method_rows(
    results: EvaluationResults,
    sections: Mapping[str, BaseModel],
    columns: Sequence[Column],
    people: str = PEOPLE,
) -> tuple[Row, ...]:
    """Return a row per method of a section, people last."""
    names = [name for name in results.names if name in sections]
    return tuple(row(name, cells_of(sections[name], columns), people=people) for name in names)


def section_rows(sections: Mapping[str, BaseModel], columns: Sequence[Column]) -> tuple[Row, ...]:
    """Return a row per entry of a section, named by its key in words."""
    return tuple(
        Row(display_name(name), tuple(cells_of(section, columns)))
        for name, section in sections.items()
    )


def table_1(results: EvaluationResults) -> Table:
    """Return the ratings by archetype and method: the paper's table 1."""
    scores = results.judge.scores if results.judge else {}
    rows = []
    for archetype in (*results.archetypes, ALL):
        for name in results.names:
            figures = scores.get(name, {}).get(archetype)
            if figures is not None:
                cells = [figures[column.key] for column in TABLE_1]
                rows.append(row(name, cells, archetype_label(archetype)))

    title = "Table 1. Ratings by archetype"
    return Table("table_1", title, TABLE_1_NOTE, ("archetype", "method"), TABLE_1, tuple(rows))


def table_2(results: EvaluationResults) -> Table:
    """Return ratings and diversity by method: the paper's table 2."""
    scores = results.judge.scores if results.judge else {}
    rows = []
    for name in results.names:
        diversity = results.diversity.get(name)
        ratings = scores.get(name, {}).get(ALL)
        if diversity is not None or ratings is not None:
            rows.append(row(name, table_2_cells(diversity, ratings)))

    title = "Table 2. Ratings and diversity"
    columns = (*TABLE_2_RATED, *TABLE_2_OBJECTIVE)
    return Table("table_2", title, TABLE_2_NOTE, ("method",), columns, tuple(rows))


def table_2_cells(
    diversity: Diversity | None, ratings: Mapping[str, ConfidenceInterval] | None
) -> list[ConfidenceInterval]:
    """Return a method's cells of table 2; a part that was not measured is absent."""
    rated = [ABSENT if ratings is None else ratings[key] for key in TABLE_2_RATED.values()]
    if diversity is None:
        return [*rated, *[ABSENT] * len(TABLE_2_OBJECTIVE)]
    return [*rated, *cells_of(diversity, TABLE_2_OBJECTIVE)]


def by_archetype(results: EvaluationResults) -> Table:
    """Return diversity and acceptance by archetype."""
    rows = []
    for archetype in results.archetypes:
        for name in results.names:
            figures = results.by_archetype.get(name, {}).get(archetype)
            if figures is not None:
                cells = cells_of(figures, ARCHETYPE_FIGURES)
                rows.append(row(name, cells, archetype_label(archetype)))

    index = ("archetype", "method")
    return Table("by_archetype", "By archetype", "", index, ARCHETYPE_FIGURES, tuple(rows))


def acceptance(results: EvaluationResults) -> Table:
    """Return the acceptance rate of each salesperson with each method's customers."""
    by_method = results.agents.acceptance if results.agents else {}
    salespeople: dict[str, None] = {}
    for rates in by_method.values():
        salespeople |= dict.fromkeys(rates)

    rows = [
        row(name, [by_method[name].get(salesperson, ABSENT) for salesperson in salespeople])
        for name in results.names
        if name in by_method
    ]
    columns = tuple(Column(name, name) for name in salespeople)
    note = "Share of calls that end with acceptance."
    title = "Acceptance by salesperson"
    return Table("acceptance", title, note, ("method",), columns, tuple(rows))


def rank_correlation(results: EvaluationResults) -> Table:
    """Return whether two methods rank the salespeople alike."""
    pairs = results.agents.rank_correlation if results.agents else []
    rows = tuple(
        Row(display_name(pair.b), tuple(cells_of(pair, RANK_CORRELATION)), display_name(pair.a))
        for pair in pairs
    )
    note = "1: both methods rank the salespeople in the same order."
    title = "Rank correlation of salespeople"
    index = ("method", "other method")
    return Table("rank_correlation", title, note, index, RANK_CORRELATION, rows)


def pass_rates(results: EvaluationResults) -> Table:
    """Return the share of profiles that pass the robustness test: figure 5b."""
    rates = results.robustness.pass_rate if results.robustness else {}
    rows = tuple(
        Row(archetype_label(archetype), (rates[archetype],))
        for archetype in (*results.archetypes, ALL)
        if archetype in rates
    )
    columns = (Column("pass_rate", "pass rate"),)
    note = "Share of drawn profiles that show their archetype."
    return Table("robustness", "Profile robustness", note, ("archetype",), columns, rows)


def agreement_tables(results: EvaluationResults) -> list[Table]:
    """Return the judge's agreement with people (the paper's table 3), and that among people."""
    if results.agreement is None:
        return []
    title = "Table 3. Agreement of judge and people"
    judge_rows = section_rows(results.agreement.dimensions, TABLE_3)
    rater_rows = section_rows(results.agreement.raters, RATERS)
    return [
        Table("table_3", title, "", ("dimension",), TABLE_3, judge_rows),
        Table("raters", "Agreement among raters", "", ("dimension",), RATERS, rater_rows),
    ]


def bias_tables(checks: BiasReport) -> list[Table]:
    """Return the checks of the judge for order bias and length bias."""
    order_rows = section_rows(checks.order.dimensions, ORDER_CHECK)
    length_rows = []
    for evaluator, by_method in checks.length.items():
        for method, correlation in by_method.items():
            name = "all methods" if method == ALL else display_name(method)
            cells = tuple(cells_of(correlation, LENGTH_CHECK))
            length_rows.append(Row(name, cells, display_name(evaluator)))

    index = ("evaluator", "method")
    return [
        Table("judge_order", "Judge: order bias", ORDER_CHECK_NOTE, ("dimension",), ORDER_CHECK,
              order_rows),
        Table("judge_length", "Judge: length bias", LENGTH_CHECK_NOTE, index, LENGTH_CHECK,
              tuple(length_rows)),
    ]  # fmt: skip
