"""Recorded calls: a refactoring reproduces them byte for byte."""

import hashlib
import json
from pathlib import Path

import gymnasium as gym

import gsim_env  # noqa: F401 - registers the environments

RECORDED = Path(__file__).parent / "recorded_calls.json"
"""The SHA-256 of each call, by seed. Record them again only after an intended change of behavior:
``python -m tests.envs.test_recorded_calls``."""

CALLS = 60
LINES = (
    "Hello, this is Li from QuickEats, the delivery people. Have you got a minute?",
    "What kind of food do you make?",
    "It's fifteen percent on what we bring you and nothing on pick-up.",
    "You're not tied in: thirty days' notice gets you out.",
    "I see. What worries you most about it?",
    "When the kitchen's full you hit the pause button.",
    "You can ring our office on the public line and ask for me.",
    "Can I put you down for it?",
    "We can send you figures of shops like yours.",
    "They stay your customers, you set your own prices.",
    "Would you try it for a month?",
    "Shall I set it up for you, then?",
)


def digests() -> list[str]:
    """Play the calls with the scripted customer."""
    env = gym.make("GroupedSim-Telemarketing-v0", customer="scripted", reward="shaped")
    return [digest(env, seed) for seed in range(CALLS)]


def digest(env: gym.Env, seed: int) -> str:
    """Return the SHA-256 of one call: its brief, words, rewards, flags and outcome."""
    brief, _ = env.reset(seed=seed)
    rows, turn, over = [brief], 0, False
    while not over:
        line = LINES[(turn + seed) % len(LINES)] if turn else LINES[0]
        words, reward, terminated, truncated, info = env.step(line)
        rows.append([words, round(reward, 6), terminated, truncated, str(info["outcome"])])
        over = terminated or truncated
        turn += 1
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def test_the_scripted_calls_are_as_recorded():
    assert digests() == json.loads(RECORDED.read_text())


if __name__ == "__main__":
    RECORDED.write_text(json.dumps(digests(), indent=1) + "\n")
