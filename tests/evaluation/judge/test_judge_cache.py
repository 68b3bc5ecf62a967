"""The judge's cache: resuming, retrying missing ratings, and counting tokens."""

import itertools
import json

import numpy as np
import pytest

from gsim_env.errors import CorpusError
from gsim_env.evaluation.judge.cache import JudgmentCache
from gsim_env.evaluation.judge.judge import Judge, build_judge_report
from gsim_env.evaluation.judge.scripted import ScriptedJudge
from tests.evaluation.judge.helpers import Answering, rate, spec_of


def test_missing_ratings_are_no_zeros_and_only_they_are_asked_again(
    group, calls, judging_server, tmp_path
):
    failing = np.random.default_rng(0).random(len(calls) * 3) < 0.3
    kinds = itertools.cycle([500, "cut", "invalid_json", "bad_schema"])
    failing_calls = {index for index, fails in enumerate(failing) if fails}
    assert 4 <= len(failing_calls) <= 14

    def fault(body, seen={}):  # noqa: B006 - a question that fails, fails each time it is asked
        question = json.dumps(body["messages"])
        if question not in seen:
            seen[question] = next(kinds) if len(seen) in failing_calls else "ok"
        return seen[question]

    judging_server.plan_faults(fault)
    store = tmp_path / "ratings.jsonl"
    steps = []
    ratings = rate(
        Judge(group, spec_of(judging_server), store=store),
        calls,
        lambda _, *counts: steps.append(counts),
    )
    assert steps == [(done, len(calls) * 3) for done in range(1, len(calls) * 3 + 1)]
    report = build_judge_report(ratings, calls).model_dump()
    assert sum(sum(own.values()) for own in report["missing"].values()) == len(failing_calls)
    truth = {(r.call, r.evaluator): r.scores for r in rate(Judge(group, ScriptedJudge()), calls)}
    for r in ratings:
        assert (r.scores is None) == (r.error is not None)
        assert r.scores is None or r.scores == truth[r.call, r.evaluator]
    for method in ("ours", "prompt_only"):
        given = [
            r.scores["brevity"]
            for r in ratings
            if r.method == method and r.scores and "brevity" in r.scores
        ]
        found = report["scores"][method]["all"]["brevity"]
        assert found["value"] == pytest.approx(np.mean(given))
        assert found["n"] == len(given)
    judging_server.plan_faults(())
    before = len(judging_server.requests)
    again = rate(
        Judge(group, spec_of(judging_server, timeout=9.0), store=store),
        calls,
        lambda _, *counts: steps.append(counts),
    )
    assert len(judging_server.requests) - before == len(failing_calls)
    assert steps[-1] == (30, 30)
    assert {(r.call, r.evaluator): r.scores for r in again} == truth
    assert not any(sum(own.values()) for own in build_judge_report(again, calls).missing.values())
    assert "secret" not in store.read_text()


def test_a_run_that_was_killed_goes_on_to_the_same_figures(group, calls, tmp_path):
    whole = tmp_path / "whole.jsonl"
    wanted = build_judge_report(rate(Judge(group, ScriptedJudge(), store=whole), calls), calls)
    wanted = wanted.model_dump()
    lines = whole.read_bytes().splitlines(keepends=True)
    assert len(lines) == len(calls) * 3
    for cut in (
        1,
        len(lines[7]) // 2,
        len(lines[7]) - 1,
    ):  # the newline itself is the last to be written
        torn = tmp_path / f"torn{cut}.jsonl"
        torn.write_bytes(b"".join(lines[:7]) + lines[7][:cut])
        done = []
        ratings = rate(
            Judge(group, ScriptedJudge(), store=torn),
            calls,
            lambda _, n, total, done=done: done.append(n),
        )
        assert build_judge_report(ratings, calls).model_dump() == wanted
        assert done[0] == 7
        assert sorted(torn.read_bytes().splitlines()) == sorted(whole.read_bytes().splitlines())
    whole.write_bytes(lines[0] + b'{"key": 3}\n' + lines[1])
    with pytest.raises(
        CorpusError, match=r"whole.jsonl, line 2 is not a valid Judgment: .*key.*Delete the line"
    ):
        JudgmentCache(whole)


def test_what_is_kept_is_kept_for_the_same_question_only(group, calls, tmp_path):
    store = tmp_path / "ratings.jsonl"

    def added(model=None, call=calls[0], *, backwards=False, **settings):
        before = len(store.read_text().splitlines()) if store.exists() else 0
        rate(
            Judge(group, model or ScriptedJudge(), store=store, **settings),
            [call],
            backwards=backwards,
        )
        return len(store.read_text().splitlines()) - before

    assert added() == 3
    assert added() == 0
    assert added(seed=1) == 3
    assert added(backwards=True) == 3
    assert added(votes=2) == 6
    assert added(Answering("{}")) == 3  # another judge
    assert added(call=calls[0].model_copy(update={"turns": calls[0].turns[:2]})) == 3
    assert (
        added(call=calls[0].model_copy(update={"method": "another"})) == 0
    )  # the judge does not see the method


def test_tokens_are_of_all_ratings_and_of_a_shared_one_once(group, calls, tmp_path):
    store = tmp_path / "ratings.jsonl"
    rate(Judge(group, ScriptedJudge(), store=store), calls[:3])
    twin = calls[0].model_copy(update={"method": "twin"})
    every = [*calls, twin]
    report = build_judge_report(
        rate(Judge(group, ScriptedJudge(), store=store), every), every, prices=(2.0, 8.0)
    ).model_dump()
    assert report["asked"] == 33
    assert (report["prompt_tokens"], report["completion_tokens"]) == (3000, 300)
    assert report["cost"] == pytest.approx((3000 * 2 + 300 * 8) / 1e6)
    assert report["scores"]["twin"]["all"]["overall"]["n"] == 1
