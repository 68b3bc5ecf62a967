"""The figures of an evaluation, for the page (SVG that takes the page's colors) and as images.

Text and axes are drawn in one color, :data:`INK`: nearly black in an image, the page's own color in
an SVG.
"""

import io
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gsim_env.evaluation.records import HUMAN
from gsim_env.evaluation.report.tables import ABSENT, PEOPLE, at, names_in, number, spoken
from gsim_env.util.extras import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Plot", "figures", "svg", "write_png"]

EXTRA = "evaluation"
INK = "#010203"
COLORS = ("#3d85c6", "#e0812b", "#2f9e77", "#c0568f", "#8b72cf", "#a3902f", "#4aa3b5", "#b0694a")
"""Of methods, in their order: told apart by most color-blind readers, and on light and dark."""
OUTCOMES = {
    "accepted": "#2f9e77",
    "declined": "#e6b450",
    "hung_up": "#d9614c",
    "sales_ended": "#9a86d6",
    "turn_limit": "#9aa0a6",
}
LEAST_SHARE = 0.05
"""Transitions below it are not drawn."""
TOLD_SHARE = 0.3
"""Transitions from it on have their share written beside."""
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


@dataclass(frozen=True, slots=True)
class Plot:
    """A figure with its words.

    Attributes:
        name: Of its file; unique in a report.
        title: Its caption.
        label: What is drawn, for those who do not see it.
        figure: The drawing.
    """

    name: str
    title: str
    label: str
    figure: "Figure"


def figures(results: Mapping[str, Any]) -> list[Plot]:
    """Return the figures that results have something for.

    Raises:
        ImportError: if matplotlib is not installed.
    """
    with require("matplotlib", EXTRA).rc_context(STYLE):
        drawn = (
            diversity(results),
            windows(results),
            kinds(results),
            lengths(results),
            outcomes(results),
        )
        return [
            plot
            for plot in (*drawn, *stage_graphs(results), pass_rates(results))
            if plot is not None
        ]


def write_png(plot: Plot, folder: Path) -> Path:
    """Write a figure as an image on white and return its file."""
    file = folder / f"{plot.name}.png"
    with require("matplotlib", EXTRA).rc_context(STYLE):
        plot.figure.savefig(file, dpi=150, facecolor="white")
    return file


def svg(plot: Plot) -> str:
    """Return a figure as an SVG element.

    As wide as its place, in the page's colors, its ids its own.
    """
    stream = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with require("matplotlib", EXTRA).rc_context({**STYLE, "svg.hashsalt": plot.name}):
        plot.figure.savefig(stream, format="svg", transparent=True, metadata=nothing)
    text = stream.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    text = re.sub(r"<metadata>.*?</metadata>|<style type.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r'\b(id="|url\(#|href="#)', rf"\g<1>{plot.name}-", text)
    size = r'(<svg [^>]*?)width="[^"]*" height="[^"]*"'
    label = escape(plot.label, quote=True).replace("\\", r"\\")
    return re.sub(size, rf'\1role="img" aria-label="{label}"', text, count=1)


def diversity(results: Mapping[str, Any]) -> Plot | None:
    """Return figure 4a: share of TLV, IRS and SNR by method, people as dashes."""
    found = results.get("diversity")
    names = colored(results, found)
    if not names:
        return None
    keys = {"tlv_share": "TLV, share", "irs": "IRS", "snr": "SNR"}
    figure, axes = canvas(7, 3.8)
    bars(axes, tuple(keys), names, lambda name, key: at(found, name, key))
    axes.set(xticks=range(len(keys)), xticklabels=list(keys.values()), ylim=(0, 1))
    legend(figure, names)
    label = f"Bars of TLV share, IRS and SNR for {', '.join(map(spoken, names))}."
    return Plot("figure_4a", "Figure 4a. Diversity, with 95 % intervals", label, figure)


def windows(results: Mapping[str, Any]) -> Plot | None:
    """Return figure 4b: IRS as the call goes on."""
    found = results.get("irs_windows") or {}
    names = colored(results, found)
    if not names:
        return None
    figure, axes = canvas(7, 3.8, "turn", "IRS of a sliding window")
    for name, color in names.items():
        turns = [point["turn"] for point in found[name]]
        value, low, high = np.array([ends(point) for point in found[name]]).T
        axes.plot(
            turns,
            value,
            color=color,
            linewidth=1.8,
            marker="o",
            markersize=3,
            linestyle=line_of(name),
        )
        axes.fill_between(turns, low, high, color=color, alpha=0.12, linewidth=0)
    axes.set(ylim=(0, 1))
    axes.xaxis.set_major_locator(require("matplotlib.ticker", EXTRA).MaxNLocator(integer=True))
    legend(figure, names, lines=True)
    label = f"IRS over the turns of a call for {', '.join(map(spoken, names))}."
    return Plot(
        "figure_4b", "Figure 4b. Diversity as the call goes on, with 95 % intervals", label, figure
    )


def kinds(results: Mapping[str, Any]) -> Plot | None:
    """Return words a turn, IRS, SNR and acceptance by kind of customer and method."""
    found = results.get("by_archetype")
    names = colored(results, found)
    if not names:
        return None
    archetypes = [str(kind) for kind in results["archetypes"]]
    figure = require("matplotlib.figure", EXTRA).Figure(figsize=(10, 6), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True).flat
    keys = {
        "words_per_turn": "words a turn",
        "irs": "IRS",
        "snr": "SNR",
        "accepted": "share accepted",
    }
    for axes, (key, title) in zip(panels, keys.items(), strict=True):
        bars(axes, archetypes, names, lambda name, kind, key=key: at(found, name, kind, key))  # type: ignore[misc]
        axes.set(
            title=title,
            xticks=range(len(archetypes)),
            ylim=(0, None if key == "words_per_turn" else 1),
        )
        axes.set_xticklabels([spoken(kind).replace(" ", "\n") for kind in archetypes])
        axes.grid(axis="y")
    legend(figure, names)
    label = f"Bars by kind of customer for {', '.join(map(spoken, names))}: words a turn, IRS, SNR, share accepted."
    return Plot("archetypes", "By kind of customer, with 95 % intervals", label, figure)


def lengths(results: Mapping[str, Any]) -> Plot | None:
    """Return how long turns are: the share of turns of so many words or fewer."""
    found = results.get("lengths") or {}
    names = colored(results, found)
    if not names:
        return None
    figure, axes = canvas(7, 3.8, "words", "share of turns as long or shorter")
    for name, color in names.items():
        values, counts = np.unique(found[name], return_counts=True)
        shares = counts.cumsum() / counts.sum()
        width = 2.2 if name == HUMAN else 1.6
        axes.step(
            [0, *values],
            [0, *shares],
            where="post",
            color=color,
            linewidth=width,
            linestyle=line_of(name),
        )
    most = max(float(np.quantile(found[name], 0.99)) for name in names)
    axes.set(xlim=(0, max(most, 1)), ylim=(0, 1.01))
    legend(figure, names, lines=True)
    label = f"Cumulative distributions of words a turn for {', '.join(map(spoken, names))}."
    return Plot("lengths", "Words of a turn", label, figure)


def outcomes(results: Mapping[str, Any]) -> Plot | None:
    """Return how calls end, as stacked bars; people below."""
    found = results.get("outcomes") or {}
    names = colored(results, found)
    if not names:
        return None
    figure, axes = canvas(7, 1.2 + 0.42 * len(names), "share of calls")
    for place, name in enumerate(names):
        left = 0.0
        for outcome, color in OUTCOMES.items():
            share = number(found[name].get(outcome)) or 0.0
            axes.barh(place, share, left=left, height=0.7, color=color)
            if share >= 0.06:  # less has no room for its words
                axes.text(
                    left + share / 2,
                    place,
                    f"{share:.0%}",
                    ha="center",
                    va="center",
                    color="#111111",
                    fontsize=8,
                )
            left += share
    axes.set(
        yticks=range(len(names)), yticklabels=[spoken_method(name) for name in names], xlim=(0, 1)
    )
    axes.invert_yaxis()
    axes.grid(visible=False)
    patch = require("matplotlib.patches", EXTRA).Patch
    handles = [patch(color=color, label=spoken(outcome)) for outcome, color in OUTCOMES.items()]
    figure.legend(
        handles=handles,
        loc="outside upper center",
        ncols=5,
        fontsize=9,
        handlelength=1,
        columnspacing=1.2,
    )
    label = f"Shares of outcomes for {', '.join(map(spoken, names))}."
    return Plot("outcomes", "How calls end", label, figure)


def pass_rates(results: Mapping[str, Any]) -> Plot | None:
    """Return figure 5b: the share of profiles that pass, by kind of customer."""
    rates = at(results, "robustness", "pass_rate")
    if not rates:
        return None
    names = [kind for kind in (*results["archetypes"], "all") if kind in rates]
    figure, axes = canvas(7, 3.4, up="share that passes")
    bars(axes, names, {"rate": COLORS[0]}, lambda _, kind: rates[kind])
    axes.set(xticks=range(len(names)), ylim=(0, 1))
    axes.set_xticklabels([spoken(kind).replace(" ", "\n") for kind in names])
    label = f"Bars of pass rates for {', '.join(map(spoken, names))}."
    return Plot("figure_5b", "Figure 5b. Pass rates, with 95 % intervals", label, figure)


def stage_graphs(results: Mapping[str, Any]) -> list[Plot]:
    """Return who goes from which stage to which, a graph each, the stages in the same places."""
    found = results.get("transitions") or {}
    names = colored(results, found)
    met = [
        stage
        for name in reversed(list(names))
        for row in found[name].items()
        for stage in (row[0], *row[1])
    ]
    stages = list(
        dict.fromkeys(["start", *(stage for stage in met if stage not in {"start", "end"}), "end"])
    )
    graphs = []
    for place, (name, color) in enumerate(names.items(), 1):
        figure = require("matplotlib.figure", EXTRA).Figure(figsize=(5.2, 4), layout="constrained")
        stage_graph(figure.add_subplot(), stages, found[name], color)
        label = f"Graph of the stages of {spoken_method(name)}: which follows which, as shares."
        graphs.append(
            Plot(f"stages_{place}_{slug(name)}", f"Stages: {spoken_method(name)}", label, figure)
        )
    return graphs


def stage_graph(
    axes: "Axes", stages: Sequence[str], rows: Mapping[str, Mapping[str, float]], color: str
) -> None:
    """Draw stages on a circle.

    A line's width is the share of the stage that it leaves, faint where that is seldom reached.
    """
    patches = require("matplotlib.patches", EXTRA)
    shares = np.array([[at(rows, one, other) or 0.0 for other in stages] for one in stages])
    reached = np.minimum(visits(shares), 1)
    angles = np.pi / 2 - 2 * np.pi * (np.arange(len(stages)) + 0.5) / len(stages)
    places = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    for one, other in zip(*np.nonzero(shares >= LEAST_SHARE), strict=True):
        share, alpha = shares[one, other], 0.12 + 0.78 * reached[one]
        width = 0.5 + 3.5 * share
        if one == other:
            axes.add_patch(
                patches.Circle(
                    places[one] * 1.09, 0.09, fill=False, color=color, linewidth=width, alpha=alpha
                )
            )
            continue
        start, end = places[one], places[other]
        bend = f"arc3,rad={BEND}"
        arrow = patches.FancyArrowPatch(
            start, end, connectionstyle=bend, arrowstyle="-|>", mutation_scale=6 + 3 * width, shrinkA=5, shrinkB=5,
            linewidth=width, color=color, alpha=alpha,
        )  # fmt: skip
        axes.add_patch(arrow)
        if share >= TOLD_SHARE and reached[one] >= 0.1:
            # At a third of the way, nearer to where it leaves: in the middle many lines cross.
            bowed = (start + end) / 2 + BEND * np.array([end[1] - start[1], start[0] - end[0]])
            along = (4 * start + 4 * bowed + end) / 9
            axes.text(along[0], along[1], f"{share:.0%}", fontsize=7, ha="center", va="center")
    axes.scatter(places[:, 0], places[:, 1], s=20 + 50 * reached, color=INK, zorder=3)
    for stage, (across, up) in zip(stages, places, strict=True):
        side = "center" if abs(across) < 0.3 else "left" if across > 0 else "right"
        axes.text(1.24 * across, 1.26 * up, spoken(stage), ha=side, va="center", fontsize=9)
    axes.set(xlim=(-1.85, 1.85), ylim=(-1.38, 1.38), aspect="equal")
    axes.set_axis_off()


BEND = 0.16
"""How far a transition's line bows, as a part of its length: there and back are two lines."""


def visits(shares: NDArray[np.float64], turns: int = 60) -> NDArray[np.float64]:
    """Return how often a call is at each stage on average, the first being where calls start.

    Args:
        shares: Where it goes from each stage, shape (stages, stages); a row sums to 1, or to 0
            where calls end.
        turns: After how many no more are counted.
    """
    here = np.eye(len(shares), dtype=np.float64)[0]
    total = np.zeros(len(shares))
    for _ in range(turns):
        total += here
        here = here @ shares
    return total


def bars(
    axes: "Axes", groups: Sequence[str], names: Mapping[str, str], found: Callable[[str, str], Any]
) -> None:
    """Draw a bar for each name in each group, with its interval.

    A dash where there is none, dashes for people.
    """
    methods = {name: color for name, color in names.items() if name != HUMAN}
    width = 0.8 / max(len(methods), 1)
    for place, group in enumerate(groups):
        for row, (name, color) in enumerate(methods.items()):
            x = place + (row - (len(methods) - 1) / 2) * width
            value, low, high = ends(found(name, group))
            if math.isnan(value):
                axes.text(
                    x, 0.01, ABSENT, ha="center", va="bottom", transform=axes.get_xaxis_transform()
                )
                continue
            axes.bar(x, value, width * 0.9, color=color)
            if not math.isnan(low) and not math.isnan(high):
                axes.vlines(x, low, high, color=INK, linewidth=1.1)
        value, _, _ = ends(found(HUMAN, group)) if HUMAN in names else (math.nan,) * 3
        if not math.isnan(value):
            axes.hlines(value, place - 0.45, place + 0.45, color=INK, linewidth=1.4, linestyle="--")


def ends(found: Any) -> tuple[float, float, float]:
    """Return a figure and its interval; NaN for what is absent."""
    interval = found if isinstance(found, Mapping) else {"value": found}
    value, low, high = (number(interval.get(key)) for key in ("value", "low", "high"))
    return tuple(math.nan if one is None else one for one in (value, low, high))  # type: ignore[return-value]


def legend(figure: "Figure", names: Mapping[str, str], *, lines: bool = False) -> None:
    """Write above a figure who has which color."""
    line, patch = (
        require("matplotlib.lines", EXTRA).Line2D,
        require("matplotlib.patches", EXTRA).Patch,
    )
    handles = [
        line([], [], color=color, linestyle=line_of(name), label=spoken_method(name))
        if lines or name == HUMAN
        else patch(color=color, label=spoken_method(name))
        for name, color in names.items()
    ]
    figure.legend(
        handles=handles,
        loc="outside upper center",
        ncols=min(len(handles), 5),
        fontsize=9,
        handlelength=1.6,
        columnspacing=1.2,
    )


def canvas(wide: float, high: float, across: str = "", up: str = "") -> tuple["Figure", "Axes"]:
    """Return an empty plot; sizes in inches."""
    figure = require("matplotlib.figure", EXTRA).Figure(figsize=(wide, high), layout="constrained")
    axes = figure.add_subplot()
    axes.set(xlabel=across, ylabel=up)
    axes.grid(axis="y")
    return figure, axes


def colored(results: Mapping[str, Any], section: Any) -> dict[str, str]:
    """Return who has something in a section, each with its color.

    A method's is the same in all figures.
    """
    colors = {name: COLORS[place % len(COLORS)] for place, name in enumerate(results["methods"])}
    return {name: colors.get(name, INK) for name in names_in(results, section) if section[name]}


def line_of(name: str) -> str:
    """Return the kind of line: people are dashed."""
    return "--" if name == HUMAN else "-"


def spoken_method(name: str) -> str:
    """Return a method's name as it was given; people are people."""
    return PEOPLE if name == HUMAN else name


def slug(name: str) -> str:
    """Return a name fit for a file."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
