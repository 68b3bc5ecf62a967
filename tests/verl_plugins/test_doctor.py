"""The checks of `gsim doctor verl`."""

import os
import sys

import pytest

from verl_plugins import doctor


def test_the_description_names_device_and_agent_loops() -> None:
    description = doctor.describe_verl_registration()
    assert "on cpu" in description
    assert all(name in description for name in doctor.AGENT_LOOPS)


def test_an_entry_point_that_is_not_loaded_is_named(monkeypatch) -> None:
    monkeypatch.delitem(sys.modules, "verl_plugins.plugin")
    with pytest.raises(RuntimeError, match=r"verl\.plugins .*VERL_USE_EXTERNAL_PLUGINS=auto"):
        doctor.check_plugin_entry_point("0.9.1")


def test_a_failing_check_is_broken_with_its_error() -> None:
    def fail() -> str:
        raise RuntimeError("no verl")

    check = doctor.run_diagnostic_check("driver", fail)
    assert (check.name, check.status, check.detail) == ("driver", "broken", "no verl")


@pytest.mark.parametrize(("accelerator", "value"), [(True, None), (False, "1")])
def test_cpu_support_is_enabled_only_without_an_accelerator(
    monkeypatch, accelerator, value
) -> None:
    monkeypatch.setattr("torch.accelerator.is_available", lambda: accelerator)
    monkeypatch.delenv("GSIM_VERL_CPU")
    doctor.enable_cpu_without_accelerator()
    assert os.environ.get("GSIM_VERL_CPU") == value
