"""gsim models pull and gsim doctor with its checks."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from gsim_env import __version__
from gsim_env.cli import diagnosis
from gsim_env.cli.diagnosis import (
    CheckResult,
    check_cached_weights,
    check_extra_imports,
    check_openai_endpoint,
)
from gsim_env.models.weights import BASE_FILE
from gsim_env.util.cache import cache_folder
from tests.cli.helpers import gsim, run_process


def test_models_pull_refuses_weights_that_are_not_the_right_ones() -> None:
    file = cache_folder("models") / BASE_FILE
    file.write_bytes(b"not a model")
    result = gsim("models", "pull")
    assert result.exit_code == 2
    assert "SHA-256" in result.stderr
    assert not file.exists()


@pytest.mark.slow
def test_models_pull_checks_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    here = cache_folder("models") / BASE_FILE
    monkeypatch.delenv("GSIM_CACHE")
    fetched = cache_folder("models") / BASE_FILE
    if not fetched.is_file():
        pytest.skip("the base model has not been fetched")
    monkeypatch.setenv("GSIM_CACHE", str(here.parent.parent))
    here.symlink_to(fetched)
    for _ in range(2):
        result = gsim("models", "pull")
        assert result.exit_code == 0, result.output
        assert "ok" in result.stdout
        assert "sentence encoder" in result.stdout


@pytest.mark.slow
def test_doctor_checks_the_core() -> None:
    result = run_process("doctor", "--json", OPENAI_BASE_URL="")
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    assert document["versions"]["gsim-env"] == __version__
    assert "GroupedSim-Telemarketing-v0" in document["environments"]
    checks = {check["name"]: check["status"] for check in document["checks"]}
    assert checks["core"] == "works"
    assert checks["embedded weights"] == "absent"
    assert set(checks) == {"core", "embedded", "openai", "transformers", "vllm", "embedded weights"}


@pytest.mark.slow
def test_doctor_checks_verl_in_the_driver_and_in_a_ray_worker() -> None:
    pytest.importorskip("verl", reason="pip install 'gsim-env[verl]'")
    result = run_process("doctor", "verl", "--json")
    assert result.returncode == 0, result.stderr
    checks = json.loads(result.stdout)["checks"]
    assert {check["name"]: check["status"] for check in checks} == {
        "driver": "works",
        "Ray worker": "works",
    }
    assert all("gsim_sales, gsim_customer" in check["detail"] for check in checks)


@pytest.mark.slow
def test_doctor_reports_disabled_verl_plugins() -> None:
    pytest.importorskip("verl", reason="pip install 'gsim-env[verl]'")
    result = run_process("doctor", "verl", "--json", VERL_USE_EXTERNAL_PLUGINS="none")
    assert result.returncode == 1
    checks = json.loads(result.stdout)["checks"]
    assert all("VERL_USE_EXTERNAL_PLUGINS=none" in check["detail"] for check in checks)


class EntryPoint:
    """An installed plugin of ``gsim doctor``."""

    name = "fake"

    def __init__(self, status: str) -> None:
        self.status = status

    def load(self):
        return lambda: [CheckResult("driver", self.status, "as planned")]


@pytest.mark.parametrize(("status", "code"), [("works", 0), ("absent", 0), ("broken", 1)])
def test_doctor_runs_the_checks_of_a_plugin(monkeypatch, status: str, code: int) -> None:
    groups = {"gsim.doctor": [EntryPoint(status)]}
    monkeypatch.setattr(diagnosis, "entry_points", lambda group: groups[group])
    result = gsim("doctor", "fake", "--json")
    assert result.exit_code == code
    expected = [{"name": "driver", "status": status, "detail": "as planned"}]
    assert json.loads(result.stdout)["checks"] == expected


def test_an_extra_that_is_missing_says_what_to_install() -> None:
    check = check_extra_imports("embedded", ("json", "no_such_module"))
    assert (check.status, check.detail) == (
        "absent",
        "pip install 'gsim-env[embedded]' (missing: no_such_module)",
    )


def test_an_extra_that_fails_to_import_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "crooked.py").write_text("import no_such_module_at_all")
    monkeypatch.syspath_prepend(tmp_path)
    check = check_extra_imports("embedded", ("crooked",))
    assert check.status == "broken"
    assert "no_such_module_at_all" in check.detail


def test_weights_are_absent_until_fetched() -> None:
    assert "gsim models pull" in check_cached_weights().detail
    (cache_folder("models") / BASE_FILE).write_bytes(b"weights")
    assert check_cached_weights().status == "works"


class Models(BaseHTTPRequestHandler):
    """An endpoint that serves one model."""

    def do_GET(self) -> None:
        body = json.dumps({"object": "list", "data": [{"id": "tiny", "object": "model"}]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args) -> None: ...


def test_asks_the_endpoint_for_its_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    with HTTPServer(("127.0.0.1", 0), Models) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/v1"
        check = check_openai_endpoint(url)
        server.shutdown()
    assert (check.status, check.detail) == ("works", f"{url} serves tiny")
    assert check_openai_endpoint(url).status == "broken"
