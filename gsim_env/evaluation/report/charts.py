"""The charts of an evaluation: figures 4a, 4b and 5b of the paper, comparisons with people."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from gsim_env.evaluation.judge.judge import ALL
from gsim_env.evaluation.metrics.fidelity import END, START
from gsim_env.evaluation.records import HUMAN
from gsim_env.evaluation.report.plotting import (
    COLORS,
    SIZE,
    STYLE,
    Colors,
    ComparisonChartOptions,
    ReportPlot,
    draw_method_bars,
    file_name_slug,
    label_bar_groups,
    method_colors,
    method_label,
    method_line_style,
    new_matplotlib_figure,
    place_legend,
    plot_by_method,
)
from gsim_env.evaluation.report.results import EvaluationResults
from gsim_env.evaluation.report.tables import identifier_as_words
from gsim_env.evaluation.schema import ABSENT, field_as_interval
from gsim_env.util.extras import check_extra_installed
from gsim_env.util.stats import ConfidenceInterval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["make_charts"]

OUTCOME_COLORS = {
    "accepted": "#2f9e77",
    "declined": "#e6b450",
    "hung_up": "#d9614c",
    "sales_ended": "#9a86d6",
    "turn_limit": "#9aa0a6",
}
MIN_LABELED_OUTCOME = 0.06
"""Outcomes below this share have no room for their label."""
MIN_LABELED_TRANSITION = 0.3
"""Transitions at or above this probability are labeled."""

PEOPLE_MAP_COLOR = "#8a8f98"
"""Color of the people's heat map: visible on light and on dark pages, unlike ``INK``."""


def make_charts(results: EvaluationResults) -> list[ReportPlot]:
    """Draw the charts of an evaluation that its results have data for.

    Raises:
        ImportError: if the extra ``evaluation`` is not installed.
    """
    check_extra_installed("evaluation")
    from matplotlib import style

    with style.context(STYLE):
        plots = [
            _diversity_bars(results),
            _irs_lines(results),
            _archetype_bars(results),
            _length_distribution(results),
            _outcome_bars(results),
            *_stage_heat_maps(results),
            _pass_rate_bars(results),
        ]
    return [plot for plot in plots if plot is not None]


def _diversity_bars(results: EvaluationResults) -> ReportPlot | None:
    """Return figure 4a: TLV share, IRS and SNR by method."""
    labels = {"tlv_share": "TLV, share", "irs": "IRS", "snr": "SNR"}

    def draw(panels: list["Axes"], colors: Colors) -> None:
        (axes,) = panels
        draw_method_bars(
            axes,
            list(labels),
            colors,
            lambda name, key: field_as_interval(results.diversity[name], key),
        )
        axes.set(xticks=range(len(labels)), xticklabels=list(labels.values()), ylim=(0, 1))

    title = "Figure 4a. Diversity, with 95 % intervals"
    texts = ("figure_4a", title, "Bars of TLV share, IRS and SNR")
    return plot_by_method(results, results.diversity, texts, ComparisonChartOptions(), draw)


def _irs_lines(results: EvaluationResults) -> ReportPlot | None:
    """Return figure 4b: IRS in a sliding window over the turns of a call."""
    from matplotlib.ticker import MaxNLocator

    def draw(panels: list["Axes"], colors: Colors) -> None:
        (axes,) = panels
        for name, color in colors.items():
            points = results.irs_windows[name]
            turns = [point.turn for point in points]
            axes.plot(
                turns,
                [point.value for point in points],
                color=color,
                linewidth=1.8,
                marker="o",
                markersize=3,
                linestyle=method_line_style(name),
            )

            # The 95 % interval as a band.
            low = [point.low for point in points]
            high = [point.high for point in points]
            axes.fill_between(turns, low, high, color=color, alpha=0.12, linewidth=0)

        axes.set(ylim=(0, 1))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))

    title = "Figure 4b. Diversity over the turns of a call, with 95 % intervals"
    texts = ("figure_4b", title, "IRS over the turns of a call")
    options = ComparisonChartOptions(xlabel="turn", ylabel="IRS of a sliding window", legend="line")
    return plot_by_method(results, results.irs_windows, texts, options, draw)


def _archetype_bars(results: EvaluationResults) -> ReportPlot | None:
    """Return words per turn, IRS, SNR and acceptance by archetype and method."""
    titles = {
        "words_per_turn": "words per turn",
        "irs": "IRS",
        "snr": "SNR",
        "accepted": "share accepted",
    }

    def estimate(key: str, name: str, archetype: str) -> ConfidenceInterval:
        figures = results.by_archetype[name].get(archetype)
        return ABSENT if figures is None else field_as_interval(figures, key)

    def draw(panels: list["Axes"], colors: Colors) -> None:
        for axes, key in zip(panels, titles, strict=True):
            draw_method_bars(axes, results.archetypes, colors, partial(estimate, key))
            axes.set(title=titles[key], ylim=(0, None if key == "words_per_turn" else 1))
            label_bar_groups(axes, results.archetypes)

    title = "By archetype, with 95 % intervals"
    texts = (
        "archetypes",
        title,
        "Bars of words per turn, IRS, SNR and share accepted by archetype",
    )
    options = ComparisonChartOptions(size=(10, 6), panels=(2, 2))
    return plot_by_method(results, results.by_archetype, texts, options, draw)


def _length_distribution(results: EvaluationResults) -> ReportPlot | None:
    """Return the cumulative distribution of words per turn."""

    def draw(panels: list["Axes"], colors: Colors) -> None:
        (axes,) = panels
        for name, color in colors.items():
            values, counts = np.unique(results.lengths[name], return_counts=True)
            axes.step(
                [0, *values],
                [0, *(counts.cumsum() / counts.sum())],
                where="post",
                color=color,
                linewidth=2.2 if name == HUMAN else 1.6,
                linestyle=method_line_style(name),
            )
        longest = max(float(np.quantile(results.lengths[name], 0.99)) for name in colors)
        axes.set(xlim=(0, max(longest, 1)), ylim=(0, 1.01))

    texts = ("lengths", "Words per turn", "Cumulative distributions of words per turn")
    options = ComparisonChartOptions(
        xlabel="words", ylabel="share of turns of at most this length", legend="line"
    )
    return plot_by_method(results, results.lengths, texts, options, draw)


def _outcome_bars(results: EvaluationResults) -> ReportPlot | None:
    """Return the shares of outcomes as stacked bars."""
    from matplotlib.patches import Patch

    def draw(panels: list["Axes"], colors: Colors) -> None:
        (axes,) = panels
        for position, name in enumerate(colors):
            _draw_stacked_bar(axes, position, results.outcomes[name])
        labels = [method_label(name) for name in colors]
        axes.set(yticks=range(len(colors)), yticklabels=labels, xlim=(0, 1))
        axes.invert_yaxis()
        axes.grid(visible=False)

    texts = ("outcomes", "Outcomes of calls", "Shares of outcomes")
    size = (SIZE[0], 1.2 + 0.42 * len(results.outcomes))
    options = ComparisonChartOptions(size=size, xlabel="share of calls", legend="")
    plot = plot_by_method(results, results.outcomes, texts, options, draw)

    if plot is not None:
        handles = [
            Patch(color=c, label=identifier_as_words(name)) for name, c in OUTCOME_COLORS.items()
        ]
        place_legend(plot.figure, handles)
    return plot


def _draw_stacked_bar(axes: "Axes", position: int, shares: Mapping[str, float]) -> None:
    """Draw the shares of outcomes as one stacked bar."""
    left = 0.0
    for outcome, color in OUTCOME_COLORS.items():
        share = shares.get(outcome, 0.0)
        axes.barh(position, share, left=left, height=0.7, color=color)
        if share >= MIN_LABELED_OUTCOME:
            center = left + share / 2
            text = f"{share:.0%}"
            axes.text(center, position, text, ha="center", va="center", color="#111", fontsize=8)
        left += share


def _pass_rate_bars(results: EvaluationResults) -> ReportPlot | None:
    """Return figure 5b: the share of profiles that pass the robustness test, by archetype."""
    rates = results.robustness.pass_rate if results.robustness else {}
    archetypes = [name for name in (*results.archetypes, ALL) if name in rates]
    if not archetypes:
        return None

    figure, (axes,) = new_matplotlib_figure(
        ComparisonChartOptions(size=(7, 3.4), ylabel="share of profiles that pass")
    )
    draw_method_bars(axes, archetypes, {"rate": COLORS[0]}, lambda _, archetype: rates[archetype])
    axes.set(ylim=(0, 1))
    label_bar_groups(axes, archetypes)

    label = f"Bars of pass rates, for {', '.join(map(identifier_as_words, archetypes))}."
    return ReportPlot("figure_5b", "Figure 5b. Pass rates, with 95 % intervals", label, figure)


def _stage_heat_maps(results: EvaluationResults) -> list[ReportPlot]:
    """Return a heat map of the stage transitions of each method, with the same stages in each."""
    colors = method_colors(results, results.transitions)
    if HUMAN in colors:
        colors[HUMAN] = PEOPLE_MAP_COLOR
    stages = _stages_in_order([results.transitions[name] for name in reversed(list(colors))])
    plots = []

    for number, (name, color) in enumerate(colors.items(), start=1):
        figure, (axes,) = new_matplotlib_figure(
            ComparisonChartOptions(size=(5.6, 4.8), xlabel="next stage", ylabel="stage")
        )
        _draw_stage_heat_map(axes, stages, results.transitions[name], color)
        label = f"Heat map of the stage transitions of {method_label(name)}, as shares of each row."
        title = f"Stage transitions: {method_label(name)}"
        plots.append(ReportPlot(f"stages_{number}_{file_name_slug(name)}", title, label, figure))

    return plots


def _stages_in_order(transitions: Sequence[Mapping[str, Mapping[str, float]]]) -> list[str]:
    """Return all stages without start and end, in the order in which they first occur."""
    stages: dict[str, None] = {}
    for rows in transitions:
        for before, row in rows.items():
            stages |= dict.fromkeys([before, *row])
    return [stage for stage in stages if stage not in {START, END}]


def _draw_stage_heat_map(
    axes: "Axes", stages: Sequence[str], transitions: Mapping[str, Mapping[str, float]], color: str
) -> None:
    """Draw transition probabilities: a row per stage, a column per next stage."""
    from matplotlib.colors import LinearSegmentedColormap, to_rgba

    rows = [START, *stages]
    columns = [*stages, END]
    shares = np.zeros((len(rows), len(columns)))
    for row, before in enumerate(rows):
        for column, after in enumerate(columns):
            shares[row, column] = transitions.get(before, {}).get(after, 0.0)

    # From transparent to the method's color, so that it works on light and dark pages.
    ends = [to_rgba(color, 0), to_rgba(color, 0.75)]
    colormap = LinearSegmentedColormap.from_list("method", ends)
    axes.imshow(shares, cmap=colormap, vmin=0, vmax=1, aspect="auto")
    for row, column in zip(*np.nonzero(shares >= MIN_LABELED_TRANSITION), strict=True):
        text = f"{shares[row, column]:.0%}"
        axes.text(column, row, text, fontsize=6, ha="center", va="center")

    axes.grid(visible=False)
    axes.set_yticks(range(len(rows)), [identifier_as_words(stage) for stage in rows])
    axes.set_xticks(range(len(columns)), [identifier_as_words(stage) for stage in columns])
    axes.tick_params(axis="x", rotation=60)
    for label in axes.get_xticklabels():
        label.set(ha="right", rotation_mode="anchor")
