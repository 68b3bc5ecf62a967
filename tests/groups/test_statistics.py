"""Corpus statistics against hand calculations, and each finding of the validation."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gsim_env.dialogue import Turn
from gsim_env.errors import ConfigurationError, CorpusError
from gsim_env.groups import Group
from gsim_env.groups.statistics import GroupStatistics, compute_group_statistics
from gsim_env.groups.validation import GroupProblem, find_group_problems
from gsim_env.models.encoders import HashingEncoder
from gsim_env.profiles import RecordedCall
from gsim_env.util.text import distinct_n

Row = dict[str, Any]


def make_call(group: Group, archetype: str, outcome: str, *turns: tuple[str, str]) -> RecordedCall:
    """A call of (stage, text), the salesperson first."""
    profile = next(call.profile for call in group.calls if call.profile.archetype == archetype)
    roles = ("sales", "customer") * len(turns)
    return RecordedCall(
        id=f"{archetype}-{outcome}",
        outcome=outcome,
        profile=profile,
        turns=tuple(
            Turn(role=role, stage=stage, text=text)
            for role, (stage, text) in zip(roles, turns, strict=False)
        ),
    )


@pytest.fixture(scope="module")
def tiny(group: Group) -> GroupStatistics:
    accepted = make_call(
        group,
        "price_sensitive",
        "accepted",
        ("opening", "Hello, is that the owner?"),
        ("greeting", "Yes who is this?"),
        ("pitch", "We deliver what you cook."),
        ("question", "How much is it for a small shop like mine?"),
        ("close", "Fifteen. Shall we?"),
        ("acceptance", "Fine yes"),
    )
    hung_up = make_call(
        group,
        "resistance_heavy",
        "hung_up",
        ("opening", "Hello?"),
        ("greeting", "Yes"),
        ("pitch", "We deliver."),
        ("hang_up", "No no no no no no"),
        ("farewell", "Goodbye, then."),
    )
    return compute_group_statistics(replace(group, calls=(accepted, hung_up)))


def test_counts_words_of_customer_turns(tiny: GroupStatistics) -> None:
    assert (tiny.calls, tiny.customer_turns) == (2, 5)  # of 4, 10 and 2 words, and of 1 and 6
    assert tiny.words_mean == pytest.approx(23 / 5)
    assert tiny.words_median == 4
    assert tiny.words_variance == pytest.approx(157 / 5 - (23 / 5) ** 2)
    assert tiny.short_share == pytest.approx(3 / 5)


def test_counts_turns_that_ask(tiny: GroupStatistics) -> None:
    assert tiny.question_share == pytest.approx(2 / 5)


def test_turn_length_variance_is_taken_within_dialogues(tiny: GroupStatistics) -> None:
    within_first = (16 + 100 + 4) / 3 - (16 / 3) ** 2
    within_second = 2.5**2
    assert tiny.turn_length_variance == pytest.approx((within_first + within_second) / 2)


def test_distinct_pools_words_of_all_turns_and_pairs_within_turns(tiny: GroupStatistics) -> None:
    assert tiny.distinct_1 == pytest.approx(15 / 23)
    assert tiny.distinct_2 == pytest.approx((3 + 9 + 1 + 0 + 1) / (3 + 9 + 1 + 0 + 5))
    assert distinct_n(["Yes", "yes!", "no"], 1) == pytest.approx(2 / 3)
    assert distinct_n(["Yes", "No"], 2) == 0.0


def test_counts_exchanges_without_an_unanswered_last_word(tiny: GroupStatistics) -> None:
    assert (tiny.exchanges_min, tiny.exchanges_median, tiny.exchanges_max) == (2, 2.5, 3)


def test_counts_outcomes_overall_and_by_archetype(tiny: GroupStatistics) -> None:
    assert tiny.outcomes == {"accepted": 1, "hung_up": 1}
    assert tiny.outcomes_by_archetype["price_sensitive"] == {"accepted": 1}
    assert tiny.outcomes_by_archetype["resistance_heavy"] == {"hung_up": 1}
    assert tiny.outcomes_by_archetype["status_quo"] == {}


def test_counts_stages_of_both_sides(tiny: GroupStatistics, group: Group) -> None:
    assert list(tiny.customer_stages) == list(group.taxonomy.customer)
    assert {name: count for name, count in tiny.customer_stages.items() if count} == {
        "greeting": 2,
        "question": 1,
        "acceptance": 1,
        "hang_up": 1,
    }
    assert {name: count for name, count in tiny.sales_stages.items() if count} == {
        "opening": 2,
        "pitch": 2,
        "close": 1,
        "farewell": 1,
    }
    assert tiny.stages_visited == pytest.approx((3 + 2) / 2 / len(group.taxonomy.customer))


def test_an_empty_corpus_has_no_figures(group: Group) -> None:
    with pytest.raises(CorpusError, match="holds no call"):
        compute_group_statistics(replace(group, calls=()))


@pytest.fixture
def findings_after(group: Group, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Validate a copy of the group whose corpus was edited."""
    monkeypatch.setenv("GSIM_CACHE", str(tmp_path / "cache"))

    def run(edit: Callable[[list[Row]], None]) -> list[GroupProblem]:
        folder = tmp_path / "copy"
        shutil.copytree(group.path, folder, dirs_exist_ok=True)
        rows = [
            json.loads(line)
            for line in (group.path / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
        ]
        edit(rows)
        text = "\n".join(json.dumps(row) for row in rows)
        (folder / "corpus.jsonl").write_text(text + "\n", encoding="utf-8")
        return find_group_problems(str(folder), HashingEncoder())

    return run


def call_of(rows: list[Row], outcome: str) -> Row:
    """The first call with an outcome and at least five exchanges."""
    return next(row for row in rows if row["outcome"] == outcome and len(row["turns"]) >= 10)


def customer_turns(rows: list[Row]) -> list[Row]:
    return [turn for row in rows for turn in row["turns"] if turn["role"] == "customer"]


def the_only(findings: list[GroupProblem]) -> GroupProblem:
    assert len(findings) == 1, findings
    return findings[0]


def test_the_group_as_it_is_has_no_findings(findings_after) -> None:
    assert findings_after(lambda rows: None) == []


def test_a_group_is_read_afresh_each_time(findings_after) -> None:
    assert findings_after(lambda rows: None) == []
    assert the_only(findings_after(lambda rows: rows[0].pop("outcome"))).check == "loads"


def test_an_unknown_group_is_a_wrong_argument() -> None:
    with pytest.raises(ConfigurationError, match="nowhere"):
        find_group_problems("nowhere", HashingEncoder())


def test_finds_turns_that_do_not_alternate(findings_after) -> None:
    finding = the_only(findings_after(lambda rows: rows[3]["turns"].pop(2)))
    assert finding.check == "loads"
    assert "line 4" in finding.message


def test_finds_a_call_that_ends_with_the_salesperson(findings_after) -> None:
    def edit(rows: list[Row]) -> None:
        call_of(rows, "declined")["turns"].append(
            {"role": "sales", "text": "Bye.", "stage": "farewell"}
        )

    finding = the_only(findings_after(edit))
    assert finding.check == "ends_with_customer"
    assert finding.call is not None


@pytest.mark.parametrize(
    ("before", "after"),
    [("accepted", "declined"), ("hung_up", "accepted"), ("declined", "hung_up")],
)
def test_finds_an_ending_that_does_not_fit_the_outcome(
    findings_after, before: str, after: str
) -> None:
    finding = the_only(findings_after(lambda rows: call_of(rows, before).update(outcome=after)))
    assert finding.check == "ending"
    assert repr(after) in finding.message


@pytest.mark.parametrize("stage", ["acceptance", "hang_up"])
def test_finds_an_ending_before_the_end(findings_after, stage: str) -> None:
    finding = the_only(
        findings_after(lambda rows: call_of(rows, "declined")["turns"][3].update(stage=stage))
    )
    assert finding.check == "ending"
    assert "must be the last" in finding.message


@pytest.mark.parametrize(
    ("outcome", "exchanges", "valid"),
    [("accepted", 2, False), ("hung_up", 2, True), ("hung_up", 1, False)],
)
def test_finds_calls_that_are_too_short(
    findings_after, outcome: str, exchanges: int, valid: bool
) -> None:
    def edit(rows: list[Row]) -> None:
        turns = call_of(rows, outcome)["turns"]
        del turns[2 * (exchanges - 1) : -2]

    assert [finding.check for finding in findings_after(edit)] == ([] if valid else ["exchanges"])


def test_finds_a_call_that_is_too_long(findings_after) -> None:
    def edit(rows: list[Row]) -> None:
        more = [
            {"role": "sales", "text": "You see?", "stage": "rapport"},
            {"role": "customer", "text": "Mm.", "stage": "listening"},
        ]
        turns = call_of(rows, "declined")["turns"]
        turns[2:2] = more * ((32 - len(turns)) // 2)

    finding = the_only(findings_after(edit))
    assert finding.check == "exchanges"
    assert finding.message.startswith("16 exchanges")


def test_finds_a_concern_that_the_profile_lacks(findings_after) -> None:
    def edit(rows: list[Row]) -> None:
        row = next(row for row in rows if "payout" not in row["profile"]["concerns"])
        row["turns"][1]["concern"] = "payout"

    finding = the_only(findings_after(edit))
    assert finding.check == "concern"
    assert "'payout'" in finding.message


def test_finds_a_stage_that_nobody_shows(findings_after) -> None:
    def edit(rows: list[Row]) -> None:
        for turn in customer_turns(rows):
            if turn["stage"] == "busy":
                turn["stage"] = "stalling"

    finding = the_only(findings_after(edit))
    assert (finding.check, finding.call) == ("stage_unused", None)
    assert "'busy'" in finding.message


def test_finds_an_archetype_without_calls(findings_after) -> None:
    def edit(rows: list[Row]) -> None:
        rows[:] = [row for row in rows if row["profile"]["archetype"] != "status_quo"]

    finding = the_only(findings_after(edit))
    assert finding.check == "archetype_empty"
    assert "'status_quo'" in finding.message


@pytest.mark.parametrize("same_call", [True, False])
def test_finds_near_duplicates(findings_after, same_call: bool) -> None:
    def edit(rows: list[Row]) -> None:
        first = rows[0]["turns"]
        second = first if same_call else rows[1]["turns"]
        first[1]["text"] = "My uncle sells umbrellas to the bishop on Sundays."
        second[3]["text"] = "My uncle sells umbrellas to the bishop on Sundays!"

    finding = the_only(findings_after(edit))
    assert finding.check == "near_duplicate"
    assert "umbrellas" in finding.message
    assert ("in the same call" in finding.message) is same_call


def test_short_turns_may_be_alike(findings_after) -> None:
    def edit(rows: list[Row]) -> None:
        for row in rows[:2]:
            row["turns"][1]["text"] = "My uncle sells umbrellas, too."

    assert findings_after(edit) == []
