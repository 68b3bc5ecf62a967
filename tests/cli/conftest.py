"""Fixtures of the command's tests: an empty cache and a fixed terminal width."""

from pathlib import Path

import pytest

from gsim_env.cli import terminal


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GSIM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "110")
    # The console was created at import, with another width.
    monkeypatch.setattr(terminal.out, "width", 110)
