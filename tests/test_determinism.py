"""Same seed, same configuration, another process: byte-identical transcripts."""

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
env = gymnasium.make_vec("GroupedSim-Telemarketing-v0", num_envs=num_envs, autoreset_mode="Disabled", **settings)
story = [env.reset(seed=11)[0]]
for line in json.loads(sys.argv[3]):
    words, rewards, *_ = env.step([line] * num_envs)
    story.append([words, rewards.tolist()])
print(json.dumps(story))
"""


def transcript(settings, num_envs):
    """Play ``num_envs`` calls in a process of their own, with its own hash seed.

    Return its output, byte for byte.
    """
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
