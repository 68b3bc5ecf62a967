"""``gsim group build``: the group plays, splits are by customer, interruptions change nothing."""

import hashlib
import json
import random
import subprocess
import sys
import time
from pathlib import Path

import gymnasium as gym
import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

import gsim_env  # noqa: F401 - registers
from gsim_env.cli.app import app
from gsim_env.corpus import BuildSettings, build_group
from gsim_env.corpus.annotate import read_chunks
from gsim_env.corpus.d_sim import read_rows
from gsim_env.dialogue import Dialogue, Turn
from gsim_env.errors import ConfigurationError
from gsim_env.groups.bundle import Group, builtin_template_folders, read_recorded_calls
from gsim_env.util.files import write_jsonl
from tests.corpus.helpers import invert
from tests.data import DATA, P4G, needs_p4g

pytestmark = needs_p4g


def command(source, out, *more):
    return [
        "group",
        "build",
        "--from",
        str(source),
        "--template",
        "charity",
        "--out",
        str(out),
        *more,
    ]


def build(source, out, *more):
    result = CliRunner().invoke(app, command(source, out, "--encoder", "hashing", *more))
    assert result.exit_code == 0, result.output
    return out


def hashes(folder):
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Sixty dialogues, a duplicate, and a malformed row."""
    lines = P4G.read_text(encoding="utf-8").splitlines()[:60]
    again = json.dumps({**json.loads(lines[3]), "id": "again"})
    file = tmp_path_factory.mktemp("source") / "calls.jsonl"
    file.write_text("\n".join([*lines, again, '{"id": "broken"}']) + "\n", encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def built(source, tmp_path_factory):
    return build(source, tmp_path_factory.mktemp("out") / "mine", "--on-error", "skip")


def test_build_group_is_a_function(source, tmp_path):
    steps = {}

    def progress(step, done, total):
        steps[step] = (done, total)

    settings = BuildSettings(
        source=source,
        template="charity",
        out=tmp_path / "mine",
        encoder="hashing",
        on_error="skip",
    )
    group = build_group(settings, progress)
    assert len(group.calls) == len(Group.load(tmp_path / "mine").calls)
    assert steps == {"read": (61, 61), "annotate": (2, 2), "assemble": (5, 5)}

    steps.clear()
    assert build_group(settings, progress).digest == group.digest
    assert steps == {}  # nothing was done again


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"held_out": 1.0}, "held_out: .*less than 1, got 1.0"),
        ({"on_error": "skipp"}, "Did you mean 'skip'"),
        ({"ignore_label": True}, "ignore_label"),
    ],
)
def test_settings_are_checked(source, tmp_path, fields, message):
    with pytest.raises(ConfigurationError, match=message):
        BuildSettings(source=source, template="charity", out=tmp_path, **fields)


def test_settings_are_frozen(source, tmp_path):
    settings = BuildSettings(source=source, template="charity", out=tmp_path)
    with pytest.raises(ValidationError, match="frozen"):
        settings.encoder = "hashing"


def test_the_api_key_is_not_part_of_the_key(source, tmp_path):
    def key(**backend):
        extractor = {"backend": "openai", "model": "m", **backend}
        return BuildSettings(
            source=source, template="charity", out=tmp_path, extractor=extractor
        ).key

    assert key(api_key="a") == key(api_key="b") != key(base_url="http://x")


def test_a_built_group_plays(built):
    env = gym.make(
        "GroupedSim-Telemarketing-v0",
        group=str(built),
        customer="scripted",
        encoder="hashing",
        library="memory",
    )
    brief, _ = env.reset(seed=0)
    assert "charity" in brief
    assert all(
        env.step(line)[0]
        for line in ("Hello, how are you?", "Would you give a part of your payment?")
    )


def test_what_the_template_brings_is_in_the_group(built):
    """A group built from `charity` has its LoRA adapter."""
    template = builtin_template_folders()["charity"]
    for file in [
        template / "script.toml",
        *(template / "prompts").iterdir(),
        *(template / "adapter").iterdir(),
    ]:
        assert (built / file.relative_to(template)).read_bytes() == file.read_bytes()


def test_every_turn_has_a_stage_and_labels_of_the_source_are_kept(built, source):
    given = {
        row["id"]: row["turns"] for row in map(json.loads, source.read_text().splitlines()[:60])
    }
    table = json.loads((DATA / "stage_map.json").read_text())["p4g"]
    stage_of = {role: invert(table[role]) for role in table}

    checked = 0
    for call in (*Group.load(built).calls, *read_recorded_calls(built / "held_out.jsonl")):
        for turn, raw in zip(call.turns, given[call.id], strict=True):
            assert turn.stage is not None
            if raw.get("act"):
                checked += 1
                assert turn.stage == stage_of[turn.role][raw["act"][-1]]
    assert checked > 100


def test_customers_are_on_one_side_and_every_turn_is_a_row(built):
    import pyarrow.parquet as parquet

    train, held = Group.load(built).calls, read_recorded_calls(built / "held_out.jsonl")
    assert len(train) + len(held) == 60
    for split, calls in (("train", train), ("test", held)):
        rows = read_rows(built / "d_sim" / f"{split}.parquet")
        assert {row["extra_info"]["call_id"] for row in rows} == {call.id for call in calls}
        assert len(rows) == sum(len(call.customer_turns()) for call in calls)
        for row in rows:
            assert row["messages"] == [
                *row["prompt"],
                {"role": "assistant", "content": row["reward_model"]["ground_truth"]},
            ]
            roles = [message["role"] for message in row["extra_info"]["context"]]
            assert roles == ["user", "assistant"] * (len(roles) // 2) + ["user"]
            assert row["extra_info"]["context"] == row["prompt"][1:-1]
        profiles = parquet.read_table(built / "d_gen" / f"{split}.parquet").to_pylist()
        assert [json.loads(row["reward_model"]["ground_truth"]) for row in profiles] == [
            call.profile.model_dump(mode="json") for call in calls
        ]


def test_what_was_left_out_is_said(built):
    report = json.loads((built / "build.json").read_text())
    assert (report["dialogues"], report["duplicates"]) == (61, 1)
    assert [row["line"] for row in report["malformed"]] == [62]
    assert "malformed" in (built / "CARD.md").read_text()


def test_bad_requests_say_what_to_do(source, tmp_path):
    (tmp_path / "mine").touch()
    for arguments, message in [
        (command(tmp_path / "none.jsonl", tmp_path / "a"), "There is no file"),
        (command(source, tmp_path / "b", "--template", "charitee"), "Did you mean 'charity'"),
        (
            command(source, tmp_path / "c", "--engine", "rai", "--on-error", "skip"),
            "Did you mean 'ray'",
        ),
        (command(source, tmp_path), "is not empty"),
        (command(source, tmp_path / "d"), "line 62"),
    ]:
        result = CliRunner().invoke(app, [*arguments, "--encoder", "hashing"])
        assert result.exit_code != 0
        assert message in result.output + str(result.exception), arguments


def test_a_finished_build_is_left_alone(source, built):
    before = hashes(built)
    build(source, built, "--on-error", "skip")
    assert hashes(built) == before


def test_a_step_on_its_own_and_then_the_rest(source, built, tmp_path):
    out = build(source, tmp_path / "mine", "--on-error", "skip", "--until", "read")
    assert not (out / "corpus.jsonl").exists()
    build(source, out, "--on-error", "skip", "--until", "annotate")
    build(source, out, "--on-error", "skip")
    assert hashes(out) == hashes(built)


def test_a_new_domain_is_mined_and_built_and_plays(source, tmp_path):
    """Labels of another taxonomy than the mined one are refused, or ignored on request."""
    template, out = tmp_path / "template", tmp_path / "mine"
    quick = ("--encoder", "hashing")
    lines = source.read_text(encoding="utf-8").splitlines()[:60]
    dialogues = tmp_path / "calls.jsonl"
    dialogues.write_text("\n".join(lines), encoding="utf-8")
    mined = CliRunner().invoke(
        app, ["group", "mine", "--from", str(dialogues), "--out", str(template), *quick]
    )

    assert mined.exit_code == 0, mined.output

    arguments = [
        "group",
        "build",
        "--from",
        str(dialogues),
        "--template",
        str(template),
        "--out",
        str(out),
        *quick,
    ]
    refused = CliRunner().invoke(app, arguments)
    assert refused.exit_code != 0
    assert "--ignore-labels" in refused.output

    built = CliRunner().invoke(app, [*arguments, "--ignore-labels"])
    assert built.exit_code == 0, built.output

    env = gym.make(
        "GroupedSim-Telemarketing-v0",
        group=str(out),
        customer="scripted",
        encoder="hashing",
        library="memory",
    )
    env.reset(seed=0)
    assert env.step("Hello, how are you?")[0]


@pytest.mark.slow
def test_killed_again_and_again_it_ends_the_same(tmp_path):
    """Each run is killed at a random time after it has written something new."""
    source = tmp_path / "calls.jsonl"
    source.write_text(
        "\n".join(P4G.read_text(encoding="utf-8").splitlines()[:400]), encoding="utf-8"
    )
    undisturbed, out = build(source, tmp_path / "undisturbed"), tmp_path / "mine"
    gsim = [Path(sys.executable).with_name("gsim"), *command(source, out, "--encoder", "hashing")]
    rng, kills = random.Random(0), 0
    for _ in range(10):
        done = set(out.rglob("*"))
        with subprocess.Popen(
            gsim, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            while process.poll() is None and set(out.rglob("*")) <= done:
                time.sleep(0.01)
            time.sleep(rng.uniform(0.0, 0.5))
            process.kill()
            kills += process.wait() == -9
    build(source, out)

    assert kills > 3
    assert hashes(out) == hashes(undisturbed)


@pytest.mark.slow
def test_ray_does_the_same(source, built, tmp_path):
    out = tmp_path / "mine"
    arguments = command(
        source, out, "--encoder", "hashing", "--on-error", "skip", "--engine", "ray"
    )
    subprocess.run([Path(sys.executable).with_name("gsim"), *arguments], check=True, timeout=300)
    assert hashes(out) == hashes(built)


def test_chunks_keep_line_separators_inside_texts(tmp_path):
    dialogue = Dialogue(
        id="a",
        turns=(Turn(role="sales", text="Hi."), Turn(role="customer", text="Yes.")),
        attributes={"note": "one\u2028two"},
    )
    write_jsonl(tmp_path / "chunk.jsonl", [dialogue.model_dump_json()])
    assert list(read_chunks(Dialogue, [tmp_path / "chunk.jsonl"])) == [dialogue]
