"""Held-out calls of salespeople, before and after."""

import json

import pytest
import typer
from gsim_recipes.sales_grpo import held_out


def write(file, progress, deals):
    lines = [
        {
            "output": f"assistant\nHello {n}\nuser\nNo.",
            "score": 0.2 * p + d,
            "outcome": float(d),
            "progress": p,
        }
        for n, (p, d) in enumerate(zip(progress, deals, strict=True))
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_means_differences_and_samples_of_two_models(tmp_path) -> None:
    write(tmp_path / "a.jsonl", [0.0, 0.1] * 20, [0] * 40)
    write(tmp_path / "b.jsonl", [0.3, 0.4] * 20, [0, 1] * 20)
    calls = [f"before={tmp_path}/a.jsonl", f"after={tmp_path}/b.jsonl"]
    held_out.main(calls, tmp_path / "out")
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["models"]["before"]["progress"]["value"] == pytest.approx(0.05)
    assert report["models"]["after"]["outcome"]["value"] == pytest.approx(0.5)
    progress = report["differences"]["after - before"]["progress"]
    assert progress["value"] == pytest.approx(0.3)
    assert 0.27 < progress["low"] < 0.3 < progress["high"] < 0.33
    assert "after, call 1: progress 0.40, deal 1" in (tmp_path / "out" / "samples.md").read_text()


def test_a_missing_file_is_named(tmp_path) -> None:
    with pytest.raises(typer.BadParameter, match=r"none\.jsonl"):
        held_out.main([f"a={tmp_path}/none.jsonl"], tmp_path)
