"""Determinism: two processes with the same seed and configuration give identical transcripts."""

import json
import os
import subprocess
import sys

import pytest

from tests.helpers import LINES

CODE = """
import json, logging, sys
logging.disable(logging.WARNING)
import gymnasium, gsim_env
settings, num_envs = json.loads(sys.argv[1]), int(sys.argv[2])
env = gymnasium.make_vec(
    "GroupedSim-Telemarketing-v0", num_envs=num_envs, autoreset_mode="Disabled", **settings
)
transcript = [env.reset(seed=11)[0]]
for line in json.loads(sys.argv[3]):
    replies, rewards, *_ = env.step([line] * num_envs)
    transcript.append([replies, rewards.tolist()])
print(json.dumps(transcript))
"""


def transcript(settings, num_envs):
    """Return the output of a new process, with its own hash seed, that plays ``num_envs`` calls."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, json.dumps(settings), str(num_envs), json.dumps(LINES[:5])],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "random"},
    )
    return done.stdout


@pytest.mark.parametrize("encoder", ["hashing", pytest.param("minilm", marks=pytest.mark.slow)])
def test_two_processes_scripted(encoder):
    settings = {"customer": "scripted", "encoder": encoder, "max_turns": 9}
    assert transcript(settings, 4) == transcript(settings, 4)


@pytest.mark.slow
def test_two_processes_embedded_at_the_same_batch_size():
    settings = {"customer": "embedded", "max_turns": 9}
    assert transcript(settings, 8) == transcript(settings, 8)
