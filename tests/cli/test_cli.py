"""The command, run for real with the scripted customer."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pyarrow.parquet
import pytest
import typer
from typer.testing import CliRunner, Result

from gsim_env import __version__
from gsim_env.cli import diagnosis, terminal
from gsim_env.cli.app import ErrorReportingTyperGroup, app
from gsim_env.cli.diagnosis import (
    CheckResult,
    check_cached_weights,
    check_extra_imports,
    check_openai_endpoint,
)
from gsim_env.cli.options import parse_model_option, parse_salesperson_option
from gsim_env.errors import ConfigurationError, CorpusError, GsimError, SimulatorError
from gsim_env.groups import Group
from gsim_env.models.weights import BASE_FILE
from gsim_env.util.cache import cache_folder

MAIN = "from gsim_env.cli import main; main()"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GSIM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "110")
    monkeypatch.setattr(
        terminal.out, "width", 110
    )  # the console was created at import, with another width


def gsim(*args: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, args, input=stdin)


def run_process(
    *args: str, code: str = MAIN, **environment: str
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *args]
    return subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **environment}, check=False
    )


def test_prints_its_version() -> None:
    result = gsim("--version")
    assert (result.exit_code, result.stdout) == (0, f"gsim-env {__version__}\n")


def test_help_names_commands_and_exit_codes() -> None:
    result = gsim("--help")
    assert result.exit_code == 0
    for word in ("demo", "chat", "models", "group", "doctor", "Exit codes"):
        assert word in result.stdout


def test_every_command_and_option_has_help() -> None:
    def walk(command) -> Iterator[tuple[str, str | None]]:
        yield command.name, command.help
        for parameter in command.params:
            yield f"{command.name} {parameter.name}", parameter.help
        for child in getattr(command, "commands", {}).values():
            yield from walk(child)

    entries = dict(walk(typer.main.get_command(app)))
    assert len(entries) > 20
    assert [name for name, text in entries.items() if not text] == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigurationError, 2),
        (CorpusError, 2),
        (ImportError, 2),
        (GsimError, 2),
        (SimulatorError, 3),
    ],
)
def test_errors_become_one_message_and_an_exit_code(error: type[Exception], code: int) -> None:
    failing = typer.Typer(cls=ErrorReportingTyperGroup)

    @failing.callback()
    def callback() -> None: ...

    @failing.command()
    def fail() -> None:
        raise error("the [bold]milk[/bold] is sour")

    result = CliRunner().invoke(failing, ["fail"])
    assert result.exit_code == code
    assert result.stderr == "Error: the [bold]milk[/bold] is sour\n"
    assert result.stdout == ""


def test_a_bug_is_not_hidden() -> None:
    failing = typer.Typer(cls=ErrorReportingTyperGroup)

    @failing.callback()
    def callback() -> None: ...

    @failing.command()
    def fail() -> None:
        raise ZeroDivisionError

    assert isinstance(CliRunner().invoke(failing, ["fail"]).exception, ZeroDivisionError)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("demo", "--group", "food_delivry"), "Did you mean 'food_delivery'?"),
        (("demo", "--customer", "scriptd"), "Did you mean 'scripted'?"),
        (("demo", "--customer", '{"backend": '), "is not JSON"),
        (("demo", "--customer", "@nowhere.toml"), "nowhere.toml"),
        (("doctor", "vrl"), "Unknown plugin of gsim doctor 'vrl'"),
        (("demo", "--customer", "scripted", "--salesperson", "outlin"), "Did you mean 'outline'?"),
        (
            ("demo", "--customer", "scripted", "--salesperson", '{"policy": "llm"}'),
            "needs a language model",
        ),
        (("chat", "--customer", "scripted", "--archetype", "kind"), "Unknown archetype 'kind'"),
        (("group", "validate", "nowhere", "--encoder", "hashing"), "Unknown group"),
        (("group", "stats", "nowhere"), "Unknown group"),
        (("demo", "--seed", "-1"), "--seed"),
        (("dance",), "No such command"),
    ],
)
def test_bad_usage_exits_with_2(args: tuple[str, ...], said: str) -> None:
    result = gsim(*args)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""


def test_demo_prints_one_json_object(group: Group) -> None:
    result = gsim("demo", "--customer", "scripted", "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["group_digest"] == group.digest
    assert document["customer"] == "scripted"
    assert [row["archetype"] for row in document["table"]] == list(group.config.archetypes)
    for call, row in zip(document["calls"], document["table"], strict=True):
        turns = call["turns"]
        assert call["profile"]["archetype"] == row["archetype"]
        assert call["outcome"] == row["outcome"] == turns[-1]["outcome"]
        assert [turn["outcome"] for turn in turns[:-1]] == [None] * (len(turns) - 1)
        assert row["turns"] == len(turns)
        words = [len(turn["customer"].split()) for turn in turns]
        assert row["words_per_turn"] == pytest.approx(sum(words) / len(words), abs=0.01)
        stages = {turn["guidance"]["stage"] for turn in turns}
        assert (row["stages_visited"], row["stages"]) == (len(stages), len(group.taxonomy.customer))
        assert row["sop_coverage"] == pytest.approx(
            len(stages) / len(group.taxonomy.customer), abs=1e-4
        )
        assert row["seconds"] >= 0


def test_demo_of_a_seed_is_repeatable() -> None:
    def calls(seed: str) -> object:
        return json.loads(gsim("demo", "--customer", "scripted", "--seed", seed, "--json").stdout)[
            "calls"
        ]

    assert calls("3") == calls("3") != calls("4")


def test_demo_has_the_salesperson_call_that_was_asked_for() -> None:
    def calls(*salesperson: str) -> dict[str, object]:
        document = json.loads(gsim("demo", "--customer", "scripted", "--json", *salesperson).stdout)
        return {
            "who": document["salesperson"],
            "said": [call["turns"][1]["sales"] for call in document["calls"]],
        }

    assert calls() == calls("--salesperson", "scripted")
    assert calls("--salesperson", "outline")["who"] == "outline"
    assert calls("--salesperson", "outline")["said"] != calls("--salesperson", "pitching")["said"]


def test_demo_shows_words_and_what_is_behind_them(group: Group) -> None:
    result = gsim("demo", "--customer", "scripted")
    assert result.exit_code == 0, result.output
    document = json.loads(gsim("demo", "--customer", "scripted", "--json").stdout)
    assert all(len(line) <= 110 for line in result.stdout.splitlines())
    for call in document["calls"]:
        assert call["profile"]["name"] in result.stdout
        for turn in call["turns"]:
            assert turn["customer"].split()[0] in result.stdout
            assert f"│ {turn['guidance']['stage']}  {turn['guidance']['stance']}" in result.stdout
            assert f"≈ {turn['guidance']['references'][0][:30]}" in result.stdout
    for row in document["table"]:
        assert re.search(
            rf"{row['archetype']} +{row['outcome'].replace('_', ' ')} +{row['turns']} ",
            result.stdout,
        )


def test_chat_takes_piped_lines_until_quit() -> None:
    result = gsim(
        "chat",
        "--customer",
        "scripted",
        "--seed",
        "0",
        stdin="Hello [b]you[/b]\n\n/quit\nnever said\n",
    )
    assert result.exit_code == 0, result.output
    assert "You are calling:" in result.stdout
    assert "you Hello [b]you[/b]" in result.stdout
    assert result.stdout.count("customer ") == 2
    assert "you hung up after 2 exchanges" in result.stdout
    assert "never said" not in result.stdout
    assert "│ greeting" not in result.stdout  # nothing hidden is shown


def test_chat_ends_with_the_input() -> None:
    result = gsim("chat", "--customer", "scripted", stdin="Hello, is that the owner?\n")
    assert result.exit_code == 0, result.output
    assert "you hung up after 1 exchange" in result.stdout


def test_chat_ends_with_the_call() -> None:
    result = gsim(
        "chat", "--customer", "scripted", "--archetype", "resistance_heavy", stdin="Buy it!\n" * 20
    )
    assert result.exit_code == 0, result.output
    assert re.search(r"(declined|hung up) after \d+ exchanges", result.stdout)
    assert result.stdout.count("you Buy it!") < 20


def test_chat_reveals_on_request() -> None:
    result = gsim(
        "chat", "--customer", "scripted", "--archetype", "status_quo", "--reveal", stdin="Hello?\n"
    )
    assert result.exit_code == 0, result.output
    for word in ("concerns", "status_quo", "interest", "trust", "patience", "≈"):
        assert word in result.stdout


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


def test_group_data_writes_what_verl_reads(tmp_path: Path) -> None:
    result = gsim("group", "data", "--out", str(tmp_path), "--encoder", "hashing")
    assert result.exit_code == 0, result.output
    for name in ("d_gen", "d_sim"):
        for split in ("train", "test"):
            rows = pyarrow.parquet.read_table(tmp_path / name / f"{split}.parquet").to_pylist()
            assert rows[0]["messages"][-1]["content"] == rows[0]["reward_model"]["ground_truth"]
            assert {row["extra_info"]["split"] for row in rows} == {split}


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


def test_the_formats_of_backend_options(tmp_path: Path) -> None:
    openai = {"backend": "openai", "model": "gpt-4o"}
    file = tmp_path / "openai.toml"
    file.write_text('backend = "openai"\nmodel = "gpt-4o"\n')
    assert parse_model_option("embedded") == "embedded"
    assert parse_model_option("openai:gpt-4o") == parse_model_option(f"@{file}") == openai
    assert parse_model_option(json.dumps(openai)) == openai
    assert parse_model_option("vllm:org/model:tag") == {"backend": "vllm", "model": "org/model:tag"}
    assert parse_salesperson_option("outline") == "outline"
    assert parse_salesperson_option("openai:gpt-4o") == {"policy": "llm", "model": openai}
    file.write_text("backend = ")
    with pytest.raises(ConfigurationError, match=r"openai\.toml"):
        parse_model_option(f"@{file}")


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


def test_the_command_needs_its_extra() -> None:
    for module in ("typer", "rich"):
        result = run_process(code=f"import sys; sys.modules[{module!r}] = None; {MAIN}")
        assert result.returncode == 2
        assert (
            result.stderr
            == "Error: gsim needs typer and rich, which come with: pip install 'gsim-env[cli]'\n"
        )


def test_importing_the_package_imports_no_command_line() -> None:
    code = (
        "import sys, gsim_env, gsim_env.cli, gsim_env.envs; "
        "sys.exit(bool({'typer', 'rich'} & set(sys.modules)))"
    )
    assert run_process(code=code).returncode == 0


def test_the_process_logs_tidily_and_lets_openmp_sleep() -> None:
    result = run_process("demo", "--customer", "scripted", "--json")
    assert result.returncode == 0, result.stderr
    json.loads(result.stdout)
    assert all(line.startswith(("Loading ", "Loaded ")) for line in result.stderr.splitlines())
    assert "Loading embeddings" in result.stderr
    code = f"import os\ntry:\n    {MAIN}\nfinally:\n    print(os.environ['OMP_WAIT_POLICY'])"
    assert run_process("--version", code=code).stdout.splitlines()[1:] == ["PASSIVE"]


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
