"""Test helpers: the environment id, fixed sales lines, and a function that plays them."""

from typing import Any

__all__ = ["ID", "LINES", "play"]

ID = "GroupedSim-Telemarketing-v0"
LINES = [
    "Hello, this is Li from QuickEats.",
    "What worries you most about delivery?",
    "You only pay on orders that we bring you, nothing on pick-up.",
    "There is no set-up fee and no fixed term.",
    "Shall I set it up for you then?",
    "I hear you.",
    "The riders carry insulated bags.",
    "Can I put you down for it?",
]
MAX_TURNS = 40


def play(env: Any, seed: int = 0, lines: list[str] = LINES, options: Any = None) -> list[Any]:
    """Return what ``reset`` and every ``step`` returned until the call ended.

    After the last line the lines repeat, each with the number of its turn.
    """
    steps = [env.reset(seed=seed, options=options)]
    for turn in range(MAX_TURNS):
        suffix = "" if turn < len(lines) else f" {turn}"
        steps.append(env.step(lines[turn % len(lines)] + suffix))
        if steps[-1][2] or steps[-1][3]:
            return steps
    raise AssertionError(f"the call did not end within {MAX_TURNS} turns")
