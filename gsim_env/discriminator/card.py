"""The model card of a pattern reward model, written from its report."""

from collections.abc import Mapping

from gsim_env.discriminator.report import ClassifierScores, DiscriminatorReport

__all__ = ["model_card_markdown"]

METRICS = ("accuracy", "auc", "f1", "ece")

INTRODUCTION = """\
P(real | c, y): the probability that a customer of the group gave the answer y in context c (eq. 9).
Use it as a reward for the customer model. It is not a general detector of machine-written text, and
says nothing about any person."""


def model_card_markdown(report: DiscriminatorReport) -> str:
    """Return a pattern reward model's card as Markdown: data, held-out scores, transfer."""
    lines = [
        f"# Pattern reward model: {report.model}",
        "",
        INTRODUCTION,
        "",
        *_data_section(report),
        "",
        "## Held-out dialogues",
        "",
        *_score_table(report.held_out.all, "all pairs"),
        "",
        *_score_table(report.held_out.of_one_length, "pairs of one length"),
        "",
        *_generator_table(report.held_out.by_generator),
    ]
    if report.transfer is not None:
        lines += ["", *_transfer_section(report)]

    return "\n".join(lines) + "\n"


def _data_section(report: DiscriminatorReport) -> list[str]:
    """Return the lines about the training data."""
    settings = report.settings
    temperatures = ", ".join(map(str, settings.negatives.temperatures))

    generators = []
    for name, count in report.pairs.learnt.items():
        held_out = report.pairs.held_out.get(name, 0)
        generators.append(f"  - {name}: {count} answers for training, {held_out} held out")

    return [
        "## Data",
        "",
        (
            f"- People: the customer's turns of D_sim, SHA-256 `{report.sha256.d_sim[:12]}...`; "
            f"license of the dialogues: {settings.license}."
        ),
        (
            "- Models, prompted to play the customer in the same contexts, SHA-256 "
            f"`{report.sha256.negatives[:12]}...`:"
        ),
        *generators,
        (
            f"- Temperatures {temperatures}; seed {settings.seed}; "
            f"{settings.held_out:.0%} of the dialogues held out."
        ),
    ]


def _score_table(scores: Mapping[str, ClassifierScores], title: str) -> list[str]:
    """Return a table with one row per classifier."""
    count = next(iter(scores.values())).pairs
    lines = [f"| {count} {title} | {' | '.join(METRICS)} |", "|---|" + "---|" * len(METRICS)]
    for name, row in scores.items():
        cells = " | ".join(_score_text(getattr(row, metric)) for metric in METRICS)
        lines.append(f"| {name} | {cells} |")
    return lines


def _generator_table(scores: Mapping[str, ClassifierScores]) -> list[str]:
    """Return a table with one row per generator."""
    lines = ["| generator | accuracy | its answers called fake |", "|---|---|---|"]
    for name, row in scores.items():
        lines.append(
            f"| {name} | {_score_text(row.accuracy)} | {_score_text(row.fake_called_fake)} |"
        )
    return lines


def _transfer_section(report: DiscriminatorReport) -> list[str]:
    """Return the lines about generators that the model was not trained on."""
    lines = [
        "Unseen generators, each left out of training in turn:",
        "",
        "| generator | accuracy | accuracy, one length |",
        "|---|---|---|",
    ]
    for name, scores in (report.transfer or {}).items():
        matched = _score_text(scores.of_one_length.accuracy)
        lines.append(f"| {name} | {_score_text(scores.all.accuracy)} | {matched} |")
    return lines


def _score_text(value: float | None) -> str:
    """Return a score with three digits, or a dash if it could not be measured."""
    return "-" if value is None else f"{value:.3f}"
