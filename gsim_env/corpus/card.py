"""The data card of a built group.

Where its calls come from, what was changed, counts, lengths, splits, hashes.
"""

from collections.abc import Mapping
from typing import Any

from gsim_env.corpus.build import Build
from gsim_env.groups import Group
from gsim_env.groups.statistics import group_statistics
from gsim_env.sop.transitions import transitions

__all__ = ["card"]

MOST = 12
"""Transitions shown."""

ESTIMATES = (
    "Stages that the source does not label, concerns, archetypes and profiles are estimates: look at some with "
    "`gsim group inspect`."
)


def card(
    build: Build,
    group: Group,
    held_out: int,
    counts: Mapping[str, Any],
    sizes: Mapping[str, int],
    hashes: Mapping[str, str],
) -> str:
    """Return ``CARD.md``."""
    figures = group_statistics(group)
    command = f"gsim group build --from {build.source.name} --template {build.template}"
    changes = ", ".join(
        f"{name} {count}"
        for name, count in sorted({**counts["repairs"], **counts["masked"]}.items())
    )
    frequent = ", ".join(
        f"{before or 'start'} > {after} {count}"
        for (before, after), count in transitions(group.calls).most_common(MOST)
    )
    length = f"{figures.exchanges_min} / {figures.exchanges_median:g} / {figures.exchanges_max}"
    sections = {
        "Calls": [
            f"- dialogues read: {counts['dialogues']}",
            f"- left out: {counts['duplicates']} that stood twice, {len(counts['malformed'])} malformed rows",
            f"- repaired or masked: {changes or 'nothing'}",
            f"- `corpus.jsonl`: {figures.calls} calls",
            f"- `held_out.jsonl`: {held_out} calls of other customers, from which nothing is drawn",
            "",
            *table(
                ("figure", "value"),
                ("customer words per turn, mean", f"{figures.words_mean:.1f}"),
                ("median", f"{figures.words_median:g}"),
                ("variance", f"{figures.words_variance:.1f}"),
                ("share of turns of five words or fewer", f"{figures.short_share:.2f}"),
                ("turns with a question", f"{figures.question_share:.2f}"),
                (
                    "length variance within a dialogue (raw TLV)",
                    f"{figures.turn_length_variance:.1f}",
                ),
                (
                    "customer stages visited per call",
                    f"{figures.stages_visited:.2f} of {len(group.taxonomy.customer)}",
                ),
                ("distinct-2 of customer words", f"{figures.distinct_2:.2f}"),
                ("exchanges, least / median / most", length),
            ),
        ],
        "Outcomes by archetype": table(
            ("archetype", *figures.outcomes),
            *(
                (name, *(str(row.get(outcome, 0)) for outcome in figures.outcomes))
                for name, row in figures.outcomes_by_archetype.items()
            ),
        ),
        "Customer stages": [
            *table(
                ("stage", "turns"),
                *((name, str(count)) for name, count in figures.customer_stages.items()),
            ),
            "",
            f"Most frequent transitions: {frequent}.",
        ],
        "Training data (stream I)": table(
            ("file", "rows"), *((f"`{name}`", str(size)) for name, size in sizes.items())
        ),
        "Hashes (SHA-256)": [f"- `{name}`: `{digest}`" for name, digest in hashes.items()],
        "Limits": [ESTIMATES],
    }
    lines = [
        f"# {group.config.name}",
        "",
        f"Made by `{command}` (encoder {build.encoder}). License: {group.config.license}.",
    ]
    for title, text in sections.items():
        lines += ["", f"## {title}", *text]
    return "\n".join(lines)


def table(*rows: tuple[str, ...]) -> list[str]:
    """Return the lines of a Markdown table; the first row is its head."""
    head, *body = (f"| {' | '.join(cells)} |" for cells in rows)
    return [head, "|---" * len(rows[0]) + "|", *body]
