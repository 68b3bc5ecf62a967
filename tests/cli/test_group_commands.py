"""gsim group: list, stats, validate, index, data, and inspect."""

import json
import shutil
from pathlib import Path

import pyarrow.parquet
import pytest

from gsim_env.groups import Group
from gsim_env.util.cache import cache_folder
from tests.cli.helpers import gsim, run_process


def test_group_list_names_the_built_in_group(group: Group) -> None:
    result = gsim("group", "list")
    assert result.exit_code == 0
    assert "food_delivery" in result.stdout
    assert group.digest[:12] in result.stdout


def test_group_stats(group: Group) -> None:
    figures = json.loads(gsim("group", "stats", "--json").stdout)
    assert (figures["calls"], figures["digest"]) == (len(group.calls), group.digest)
    shown = gsim("group", "stats", str(group.path))
    assert shown.exit_code == 0
    for word in (
        f"{figures['words_mean']:.2f}",
        f"{figures['distinct_2']:.3f}",
        *figures["customer_stages"],
    ):
        assert word in shown.stdout


def test_group_validate_says_that_a_group_is_valid() -> None:
    result = gsim("group", "validate", "--encoder", "hashing")
    assert (result.exit_code, result.stdout) == (0, "✓ food_delivery is valid.\n")


def test_group_validate_exits_with_1_and_lists_findings(group: Group, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(group.path, folder)
    corpus = folder / "corpus.jsonl"
    text = corpus.read_text(encoding="utf-8").replace(
        '"outcome": "accepted"', '"outcome": "declined"', 1
    )
    corpus.write_text(text, encoding="utf-8")
    result = gsim("group", "validate", str(folder), "--encoder", "hashing")
    assert result.exit_code == 1
    assert "ending" in result.stdout
    assert "1 finding." in result.stdout


@pytest.mark.slow
def test_group_index_builds_the_library_once() -> None:
    first = run_process("group", "index", "--encoder", "hashing")
    assert first.returncode == 0, first.stderr
    assert "Milvus Lite" in first.stderr
    assert "Traceback" not in first.stderr
    (library,) = cache_folder("sop").iterdir()
    assert str(library) in first.stdout
    second = run_process("group", "index", "--encoder", "hashing")
    assert (second.returncode, second.stdout) == (0, first.stdout)
    assert "Loading" not in second.stderr


def test_group_data_writes_what_verl_reads(tmp_path: Path) -> None:
    result = gsim("group", "data", "--out", str(tmp_path), "--encoder", "hashing")
    assert result.exit_code == 0, result.output
    for name in ("d_gen", "d_sim"):
        for split in ("train", "test"):
            rows = pyarrow.parquet.read_table(tmp_path / name / f"{split}.parquet").to_pylist()
            assert rows[0]["messages"][-1]["content"] == rows[0]["reward_model"]["ground_truth"]
            assert {row["extra_info"]["split"] for row in rows} == {split}


def test_group_inspect_shows_an_annotated_dialogue(group: Group) -> None:
    call = group.calls[1]
    result = gsim("group", "inspect", "--call", call.id)
    assert result.exit_code == 0
    for text in (
        call.profile.name,
        call.profile.facts[0][:20],
        call.turns[-1].stage,
        call.profile.concerns[0],
    ):
        assert text in result.stdout
    assert json.loads(gsim("group", "inspect", "--call", call.id, "--json").stdout)["id"] == call.id
    assert "Did you mean" in str(gsim("group", "inspect", "--call", call.id + "x").output)
