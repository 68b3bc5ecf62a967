"""The model card of a pattern reward model, written from its report."""

from collections.abc import Mapping
from typing import Any

__all__ = ["card"]


def card(report: Mapping[str, Any]) -> str:
    """Return ``CARD.md``."""
    settings, held_out = report["settings"], report["held_out"]
    learnt, test = (report["pairs"][part] for part in ("learnt", "held_out"))
    hashes = report["sha256"]
    temperatures = ", ".join(map(str, settings["negatives"]["temperatures"]))
    lines = [
        f"# Pattern reward model: {report['model']}",
        "",
        "P(real | c, y): how likely it is that a person of the group gave the answer y in the context c (eq. 9).",
        "A reward for the customer's model; no detector of machines in general, and no verdict on any person.",
        "",
        "## Data",
        "",
        f"- People: the customer's turns of D_sim, `{hashes['d_sim'][:12]}`; license of the dialogues: {settings['license']}.",
        f"- Machines, asked to play the customer in the same contexts, `{hashes['negatives'][:12]}` (SHA-256 begins so):",
        *(
            f"  - {name}: {count} answers learnt from, {test.get(name, 0)} held out"
            for name, count in learnt.items()
        ),
        f"- Temperatures {temperatures}; seed {settings['seed']}; {settings['held_out']:.0%} of the dialogues held out.",
        "",
        "## On dialogues held out",
        "",
        *figures(held_out["all"], "all pairs"),
        "",
        *figures(held_out["of_one_length"], "pairs of one length"),
        "",
        "| generator | accuracy | its answers called a machine's |",
        "|---|---|---|",
        *(
            f"| {name} | {one['accuracy']:.3f} | {one['fake_called_fake']:.3f} |"
            for name, one in held_out["by_generator"].items()
        ),
    ]
    if "transfer" in report:
        lines += [
            "",
            "Generators that it had never heard, one left out of training at a time:",
            "",
            "| generator | accuracy | accuracy, one length |",
            "|---|---|---|",
            *(
                f"| {name} | {one['all']['accuracy']:.3f} | {cell(one['of_one_length'], 'accuracy')} |"
                for name, one in report["transfer"].items()
            ),
        ]
    return "\n".join(lines) + "\n"


def figures(found: Mapping[str, Any], title: str) -> list[str]:
    """Return a table: a row for each judge."""
    names = ("accuracy", "auc", "f1", "ece")
    count = next(iter(found.values()))["pairs"]
    return [
        f"| {count} {title} | {' | '.join(names)} |",
        "|---|" + "---|" * len(names),
        *(
            f"| {judge} | {' | '.join(cell(one, name) for name in names)} |"
            for judge, one in found.items()
        ),
    ]


def cell(figures: Mapping[str, float], name: str) -> str:
    """Return a figure, or a dash if there was nothing to measure it on."""
    return f"{figures[name]:.3f}" if name in figures else "-"
