"""Helpers of the command's tests: run gsim in this process or in another one."""

import os
import subprocess
import sys

from typer.testing import CliRunner, Result

from gsim_env.cli.app import app

MAIN = "from gsim_env.cli import main; main()"


def gsim(*args: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, args, input=stdin)


def run_process(
    *args: str, code: str = MAIN, **environment: str
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *args]
    return subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **environment}, check=False
    )
