"""The README's example runs as it stands."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
def test_the_example_runs(capsys):
    (code,) = re.findall(
        r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL
    )
    assert len([line for line in code.splitlines() if line.strip()]) <= 11
    exec(compile(code, "README.md", "exec"), {})
    words = capsys.readouterr().out
    assert any(
        outcome in words
        for outcome in ("accepted", "declined", "hung_up", "turn_limit", "sales_ended")
    )


def test_contributing_names_tests_that_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text)
    assert len(named) >= 9
    for file, test in named:
        source = (ROOT / file).read_text(encoding="utf-8")
        assert f"def {test}" in source, f"{file}::{test}"
