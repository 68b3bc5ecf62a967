"""Drawing helpers of the report's charts: style, axes by method, bars, and output as SVG and PNG.

Text and axes are drawn in one color, :data:`INK`: near black in an image, the page's text color in
an SVG.
"""

import io
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from gsim_env.evaluation.records import HUMAN
from gsim_env.evaluation.report.results import EvaluationResults
from gsim_env.evaluation.report.table import DASH
from gsim_env.evaluation.report.tables import PEOPLE, identifier_as_words
from gsim_env.util.stats import ConfidenceInterval

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "COLORS",
    "INK",
    "SIZE",
    "STYLE",
    "Colors",
    "ComparisonChartOptions",
    "ReportPlot",
    "draw_method_bars",
    "file_name_slug",
    "label_bar_groups",
    "method_colors",
    "method_label",
    "method_line_style",
    "new_matplotlib_figure",
    "place_legend",
    "plot_as_svg",
    "plot_by_method",
    "write_plot_png",
]

INK = "#010203"
COLORS = ("#3d85c6", "#e0812b", "#2f9e77", "#c0568f", "#8b72cf", "#a3902f", "#4aa3b5", "#b0694a")
"""Colors of methods in order: distinct for most color-blind readers, on light and on dark."""
SIZE = (7.0, 3.8)
STYLE = {
    "text.color": INK,
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": INK,
    "grid.alpha": 0.15,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "svg.fonttype": "none",
}

Colors = Mapping[str, str]
"""Color by method, in the methods' order; people have :data:`INK`."""


@dataclass(frozen=True, slots=True)
class ReportPlot:
    """A matplotlib figure with its file name, caption and description.

    Attributes:
        name: Name of its file; unique in a report.
        title: Its caption.
        label: What is drawn, for screen readers.
        figure: The drawing.
    """

    name: str
    title: str
    label: str
    figure: "Figure"


def write_plot_png(plot: ReportPlot, folder: Path) -> Path:
    """Write a chart as a PNG file on white, and return the file's path."""
    from matplotlib import style

    file = folder / f"{plot.name}.png"
    with style.context(STYLE):
        plot.figure.savefig(file, dpi=150, facecolor="white")
    return file


def plot_as_svg(plot: ReportPlot) -> str:
    """Return a chart as an SVG element of flexible width, in the page's colors.

    Its ids start with the chart's name, so they are unique in a page.
    """
    from matplotlib import style

    stream = io.StringIO()
    no_metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with style.context({**STYLE, "svg.hashsalt": plot.name}):
        plot.figure.savefig(stream, format="svg", transparent=True, metadata=no_metadata)

    # Keep the element alone, without its metadata and style sheet.
    text = stream.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    text = re.sub(r"<metadata>.*?</metadata>|<style type.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r'\b(id="|url\(#|href="#)', rf"\g<1>{plot.name}-", text)

    # The page decides the size; the label describes the drawing to screen readers.
    size = r'(<svg [^>]*?)width="[^"]*" height="[^"]*"'
    label = escape(plot.label, quote=True).replace("\\", r"\\")
    return re.sub(size, rf'\1role="img" aria-label="{label}"', text, count=1)


@dataclass(frozen=True, slots=True)
class ComparisonChartOptions:
    """Size, axis labels, panels and legend of a chart that compares methods.

    Attributes:
        size: Width and height in inches.
        xlabel: Label of the horizontal axis.
        ylabel: Label of the vertical axis.
        panels: Rows and columns of axes.
        legend: How the legend shows a method's color: as a ``"patch"`` or a ``"line"``; ``""`` for
            no legend.
    """

    size: tuple[float, float] = SIZE
    xlabel: str = ""
    ylabel: str = ""
    panels: tuple[int, int] = (1, 1)
    legend: str = "patch"


def plot_by_method(
    results: EvaluationResults,
    section: Mapping[str, object],
    texts: tuple[str, str, str],
    options: ComparisonChartOptions,
    draw: Callable[[list["Axes"], Colors], None],
) -> ReportPlot | None:
    """Draw a chart that compares the methods of a results section; ``None`` if it is empty.

    Args:
        results: The results.
        section: Metrics by method.
        texts: The chart's name, its title, and what it shows, for screen readers.
        options: Size, axis labels, panels and legend.
        draw: Draws into the axes with the colors of the methods.
    """
    colors = method_colors(results, section)
    if not colors:
        return None

    figure, panels = new_matplotlib_figure(options)
    draw(panels, colors)
    if options.legend:
        _add_legend(figure, colors, lines=options.legend == "line")

    name, title, label = texts
    return ReportPlot(
        name, title, f"{label}, for {', '.join(map(identifier_as_words, colors))}.", figure
    )


def new_matplotlib_figure(options: ComparisonChartOptions) -> tuple["Figure", list["Axes"]]:
    """Return an empty matplotlib figure and its axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=options.size, layout="constrained")
    panels: list[Axes] = list(figure.subplots(*options.panels, sharex=True, squeeze=False).flat)
    for axes in panels:
        axes.set(xlabel=options.xlabel, ylabel=options.ylabel)
        axes.grid(axis="y")
    return figure, panels


def method_colors(results: EvaluationResults, section: Mapping[str, object]) -> dict[str, str]:
    """Return the color of each method that a results section has data for."""
    colors = {name: COLORS[index % len(COLORS)] for index, name in enumerate(results.methods)}
    colors[HUMAN] = INK
    return {name: color for name, color in colors.items() if section.get(name)}


def draw_method_bars(
    axes: "Axes",
    groups: Sequence[str],
    colors: Colors,
    estimate: Callable[[str, str], ConfidenceInterval],
) -> None:
    """Draw a bar with its interval for each method in each group; people are dashed lines.

    A metric that was not measured is a dash.
    """
    methods = {name: color for name, color in colors.items() if name != HUMAN}
    width = 0.8 / max(len(methods), 1)

    for center, group in enumerate(groups):
        for index, (name, color) in enumerate(methods.items()):
            x = center + (index - (len(methods) - 1) / 2) * width
            _draw_bar(axes, x, width * 0.9, color, estimate(name, group))

        human = estimate(HUMAN, group).value if HUMAN in colors else math.nan
        if not math.isnan(human):
            ends = center - 0.45, center + 0.45
            axes.hlines(human, *ends, color=INK, linewidth=1.4, linestyle="--")


def _draw_bar(axes: "Axes", x: float, width: float, color: str, figure: ConfidenceInterval) -> None:
    """Draw one bar with its interval, or a dash."""
    if math.isnan(figure.value):
        transform = axes.get_xaxis_transform()
        axes.text(x, 0.01, DASH, ha="center", va="bottom", transform=transform)
        return

    axes.bar(x, figure.value, width, color=color)
    if not math.isnan(figure.low):
        axes.vlines(x, figure.low, figure.high, color=INK, linewidth=1.1)


def label_bar_groups(axes: "Axes", names: Sequence[str]) -> None:
    """Label the groups of a bar chart on the horizontal axis, one word per line."""
    axes.set_xticks(
        range(len(names)), [identifier_as_words(name).replace(" ", "\n") for name in names]
    )


def _add_legend(figure: "Figure", colors: Colors, *, lines: bool) -> None:
    """Add the colors of methods above a figure."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Artist] = []
    for name, color in colors.items():
        label = method_label(name)
        if lines or name == HUMAN:
            handles.append(
                Line2D([], [], color=color, linestyle=method_line_style(name), label=label)
            )
        else:
            handles.append(Patch(color=color, label=label))
    place_legend(figure, handles)


def place_legend(figure: "Figure", handles: Sequence["Artist"]) -> None:
    """Place a legend above a matplotlib figure, five entries per line."""
    figure.legend(
        handles=list(handles),
        loc="outside upper center",
        ncols=min(len(handles), 5),
        fontsize=9,
        handlelength=1.6,
        columnspacing=1.2,
    )


def method_line_style(name: str) -> Literal["-", "--"]:
    """Return the matplotlib line style of a method: dashed for people, else solid."""
    return "--" if name == HUMAN else "-"


def method_label(name: str) -> str:
    """Return the label of a method in charts: its name, or "people" for ``"human"``."""
    return PEOPLE if name == HUMAN else name


def file_name_slug(name: str) -> str:
    """Return a name in lower case with hyphens, safe in file names."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
