"""Held-out calls of salespeople, before and after."""

import json

import pytest
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


def test_means_differences_and_samples_of_two_models(tmp_path, monkeypatch, capsys) -> None:
    write(tmp_path / "a.jsonl", [0.0, 0.1] * 20, [0] * 40)
    write(tmp_path / "b.jsonl", [0.3, 0.4] * 20, [0, 1] * 20)
    calls = [f"before={tmp_path}/a.jsonl", "--calls", f"after={tmp_path}/b.jsonl"]
    monkeypatch.setattr("sys.argv", ["held_out", "--calls", *calls, "--out", str(tmp_path / "out")])
    held_out.main()
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["models"]["before"]["progress"]["value"] == pytest.approx(0.05)
    assert report["models"]["after"]["outcome"]["value"] == pytest.approx(0.5)
    found = report["differences"]["after - before"]["progress"]
    assert found["value"] == pytest.approx(0.3)
    assert 0.27 < found["low"] < 0.3 < found["high"] < 0.33
    assert "after, call 1: progress 0.40, deal 1" in (tmp_path / "out" / "samples.md").read_text()


def test_a_file_that_is_not_there_is_named(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(
        "sys.argv", ["held_out", "--calls", f"a={tmp_path}/none.jsonl", "--out", str(tmp_path)]
    )
    with pytest.raises(SystemExit):
        held_out.main()
    assert "none.jsonl" in capsys.readouterr().err
