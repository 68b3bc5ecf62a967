"""The built-in group: its card matches the corpus, and its corpus is valid."""

import hashlib
import re
from dataclasses import replace

import pytest

from gsim_env.groups.bundle import read_recorded_calls
from gsim_env.groups.statistics import compute_group_statistics
from gsim_env.groups.validation import check_loaded_group
from gsim_env.models.registry import build_encoder


def test_the_card_shows_the_corpus_figures(group):
    card = (group.path / "CARD.md").read_text(encoding="utf-8")
    figures = compute_group_statistics(group)
    for row, value in [
        ("customer words per turn, mean", f"{figures.words_mean:.1f}"),
        ("median", f"{figures.words_median:g}"),
        ("variance", f"{figures.words_variance:.1f}"),
        ("share of turns of five words or fewer", f"{figures.short_share:.2f}"),
        ("turns with a question", f"{figures.question_share:.2f}"),
        ("length variance within a dialogue (raw TLV)", f"{figures.turn_length_variance:.1f}"),
        (
            "customer stages visited per call",
            f"{figures.stages_visited:.2f} of {len(group.taxonomy.customer)}",
        ),
        ("distinct-2 of customer words", f"{figures.distinct_2:.2f}"),
        ("accepted", str(figures.outcomes["accepted"])),
        ("declined", str(figures.outcomes["declined"])),
        ("hung_up", str(figures.outcomes["hung_up"])),
    ]:
        assert re.search(rf"^\| {re.escape(row)} \| {re.escape(value)} \|", card, re.MULTILINE), (
            row,
            value,
        )
    for stage, turns in figures.customer_stages.items():
        assert re.search(rf"\b{stage} {turns}\b", card.replace("\n", " ")), (stage, turns)
    for name in ("corpus.jsonl", "held_out.jsonl"):
        assert hashlib.sha256((group.path / name).read_bytes()).hexdigest() in card


@pytest.mark.slow
def test_the_corpus_is_valid_and_has_no_near_duplicates(group):
    everything = replace(
        group, calls=group.calls + read_recorded_calls(group.path / "held_out.jsonl")
    )
    assert list(check_loaded_group(everything, build_encoder("minilm"))) == []
