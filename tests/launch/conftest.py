"""Real launches of the recipes on a tiny model: the launcher in a subprocess, with a time limit."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

pytest.importorskip("verl", reason="pip install 'gsim-env[verl]'")
TIMEOUT = 420
"""Seconds for a launch. A failed weight synchronization of verl never returns."""


def launch(
    recipe: str,
    log: Path,
    *overrides: str,
    machine: str = "cpu_smoke",
    python: str = sys.executable,
    **environment: str,
) -> list[dict]:
    """Launch a recipe and return the metrics of each step that verl logged."""
    hydra_folder = f"hydra.run.dir={log.parent / 'hydra'}"
    arguments = [recipe, f"machine={machine}", hydra_folder, *overrides]
    command = [python, "-m", "gsim_recipes.train", *arguments]

    inherited = {name: value for name, value in os.environ.items() if name != "GSIM_VERL_CPU"}
    variables = {
        **inherited,
        "VERL_FILE_LOGGER_PATH": str(log),
        "RAY_TMPDIR": "/tmp",
        **environment,
    }
    with (log.parent / "output.txt").open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=log.parent,
            env=variables,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        code = None
        with suppress(subprocess.TimeoutExpired):
            try:
                code = process.wait(timeout=TIMEOUT)
            finally:
                if code is None:  # timeout, or the test was interrupted
                    os.killpg(process.pid, signal.SIGKILL)
    text = (log.parent / "output.txt").read_text(errors="replace")
    assert code == 0, f"{'timeout' if code is None else f'exit {code}'}:\n{text[-4000:]}"
    return [json.loads(line) for line in log.read_text().splitlines()]


@pytest.fixture(scope="session")
def tiny_model(smollm2_folder, tmp_path_factory):
    """A random model of 6.6 million parameters with the packaged model's chat template."""
    from transformers import AutoTokenizer

    from tests.helpers.tiny_llama import tiny_llama

    tokenizer = AutoTokenizer.from_pretrained(smollm2_folder)
    model = tiny_llama(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=256,
        max_position_embeddings=4096,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.eos_token_id,
    )

    folder = tmp_path_factory.mktemp("tiny")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def training_files(group, tmp_path_factory):
    """D_gen and D_sim of the test group."""
    from gsim_env.corpus.training_files import write_training_files
    from gsim_env.models.encoders import HashingEncoder

    folder = tmp_path_factory.mktemp("data")
    write_training_files(group, HashingEncoder(), folder)
    return folder
