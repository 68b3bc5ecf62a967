"""CPU support acts only with GSIM_VERL_CPU=1."""

import json
import os
import subprocess
import sys

import pytest

from verl_plugins.cpu.platform import CpuPlatform

STATE = """
import json, logging, sys
logging.disable(logging.CRITICAL)
import torch
import verl
from verl.plugin.platform.platform_manager import PlatformRegistry
print(json.dumps({
    "plugin": "verl_plugins.plugin" in sys.modules,
    "platform": "cpu" in PlatformRegistry.registered_names(),
    "init_process_group": torch.distributed.init_process_group.__module__,
}))
"""


@pytest.mark.slow
@pytest.mark.parametrize("enabled", [False, True])
def test_import_verl_changes_nothing_without_the_variable(enabled) -> None:
    """In a subprocess, because the plugin acts on `import verl`."""
    environment = {key: value for key, value in os.environ.items() if key != "GSIM_VERL_CPU"}
    if enabled:
        environment["GSIM_VERL_CPU"] = "1"
    process = subprocess.run(
        [sys.executable, "-c", STATE], env=environment, check=True, capture_output=True, text=True
    )
    state = json.loads(process.stdout.splitlines()[-1])
    assert state["plugin"]  # verl loads the entry point in either case
    assert state["platform"] == enabled
    assert state["init_process_group"].startswith("verl_plugins" if enabled else "torch.")


def test_the_vllm_plugin_does_nothing_without_the_variable(monkeypatch) -> None:
    from verl_plugins.cpu.vllm_weights import register

    monkeypatch.delenv("GSIM_VERL_CPU")
    monkeypatch.setitem(sys.modules, "vllm.platforms", None)  # importing it would fail
    register()


def test_the_platform_is_available_only_without_an_accelerator(monkeypatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert not CpuPlatform().is_platform_available()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert CpuPlatform().is_platform_available()
