"""Packages point one way: the simulator does not know the plugins that stand on it."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PLUGINS = re.compile(r"\b(?:verl_plugins|reward_fns|gsim_recipes)\b")


def test_the_simulator_does_not_name_its_plugins():
    """Imports are held by import-linter; this finds names in strings, too."""
    files = [
        path for suffix in ("py", "toml", "yaml") for path in ROOT.glob(f"gsim_env/**/*.{suffix}")
    ]
    assert len(files) > 100
    naming = [
        str(path.relative_to(ROOT)) for path in files if PLUGINS.search(path.read_text("utf-8"))
    ]
    assert naming == []
