"""The command gsim: help, errors and exit codes, options, and its process."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from gsim_env import __version__
from gsim_env.cli.app import ErrorReportingTyperGroup, app
from gsim_env.cli.options import parse_model_option, parse_salesperson_option
from gsim_env.errors import ConfigurationError, CorpusError, GsimError, SimulatorError
from tests.cli.helpers import MAIN, gsim, run_process


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
