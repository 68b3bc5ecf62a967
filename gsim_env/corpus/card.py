"""The data card of a built group (``CARD.md``): source, changes, statistics, splits, hashes."""

from collections.abc import Mapping

from gsim_env.corpus.read import ReadCounts
from gsim_env.corpus.settings import BuildSettings
from gsim_env.groups import Group
from gsim_env.groups.statistics import GroupStatistics, compute_group_statistics
from gsim_env.sop.transitions import transitions

__all__ = ["card"]

SHOWN_TRANSITIONS = 12

ESTIMATES = (
    "Stages that the source does not label, concerns, archetypes and profiles are estimates: check "
    "some with `gsim group inspect`."
)


def card(
    settings: BuildSettings,
    group: Group,
    held_out: int,
    counts: ReadCounts,
    rows: Mapping[str, int],
    hashes: Mapping[str, str],
) -> str:
    """Return the text of ``CARD.md``.

    Args:
        settings: The build.
        group: The built group.
        held_out: Number of held-out calls.
        counts: What was read, repaired, masked and left out.
        rows: Rows of training data by file.
        hashes: SHA-256 by file.
    """
    figures = compute_group_statistics(group)
    command = f"gsim group build --from {settings.source.name} --template {settings.template}"
    license_name = group.config.license
    sections = {
        "Calls": [*_source_lines(counts, figures, held_out), "", *_figures_table(group, figures)],
        "Outcomes by archetype": _outcomes_table(figures),
        "Customer stages": _stage_lines(group, figures),
        "Training data (stream I)": table(
            ("file", "rows"), *((f"`{name}`", str(count)) for name, count in rows.items())
        ),
        "Hashes (SHA-256)": [f"- `{name}`: `{digest}`" for name, digest in hashes.items()],
        "Limits": [ESTIMATES],
    }

    lines = [
        f"# {group.config.name}",
        "",
        f"Made by `{command}` (encoder {settings.encoder}). License: {license_name}.",
    ]
    for title, section in sections.items():
        lines += ["", f"## {title}", *section]
    return "\n".join(lines)


def table(*rows: tuple[str, ...]) -> list[str]:
    """Return the lines of a Markdown table; the first row is the header."""
    header, *body = (f"| {' | '.join(cells)} |" for cells in rows)
    return [header, "|---" * len(rows[0]) + "|", *body]


def _source_lines(counts: ReadCounts, figures: GroupStatistics, held_out: int) -> list[str]:
    changes = sorted({**counts.repairs, **counts.masked}.items())
    listed = ", ".join(f"{name} {count}" for name, count in changes)
    return [
        f"- dialogues read: {counts.dialogues}",
        f"- left out: {counts.duplicates} duplicates, {len(counts.malformed)} malformed rows",
        f"- repaired or masked: {listed or 'nothing'}",
        f"- `corpus.jsonl`: {figures.calls} calls",
        f"- `held_out.jsonl`: {held_out} calls of other customers, which the simulator never uses",
    ]


def _figures_table(group: Group, figures: GroupStatistics) -> list[str]:
    exchanges = f"{figures.exchanges_min} / {figures.exchanges_median:g} / {figures.exchanges_max}"
    stages = f"{figures.stages_visited:.2f} of {len(group.taxonomy.customer)}"

    return table(
        ("figure", "value"),
        ("customer words per turn, mean", f"{figures.words_mean:.1f}"),
        ("median", f"{figures.words_median:g}"),
        ("variance", f"{figures.words_variance:.1f}"),
        ("share of turns of five words or fewer", f"{figures.short_share:.2f}"),
        ("turns with a question", f"{figures.question_share:.2f}"),
        ("length variance within a dialogue (raw TLV)", f"{figures.turn_length_variance:.1f}"),
        ("customer stages visited per call", stages),
        ("distinct-2 of customer words", f"{figures.distinct_2:.2f}"),
        ("exchanges, least / median / most", exchanges),
    )


def _outcomes_table(figures: GroupStatistics) -> list[str]:
    rows = [
        (name, *(str(counts.get(outcome, 0)) for outcome in figures.outcomes))
        for name, counts in figures.outcomes_by_archetype.items()
    ]
    return table(("archetype", *figures.outcomes), *rows)


def _stage_lines(group: Group, figures: GroupStatistics) -> list[str]:
    stages = [(name, str(count)) for name, count in figures.customer_stages.items()]
    frequent = ", ".join(
        f"{before or 'start'} > {after} {count}"
        for (before, after), count in transitions(group.calls).most_common(SHOWN_TRANSITIONS)
    )
    return [*table(("stage", "turns"), *stages), "", f"Most frequent transitions: {frequent}."]
