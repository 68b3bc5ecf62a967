"""Answers that try to be rewarded for nothing, with their three rewards."""

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gsim_env.models import Encoder
from gsim_env.rewards.multi_level import MultiLevel, multi_level
from gsim_env.rewards.pattern import Discriminator
from gsim_env.rewards.turns import Turn
from gsim_recipes.rewards.ranking import Choice

__all__ = ["adversarial"]

POLITE = (
    "Thank you so much for reaching out, I truly appreciate you taking the time to explain this to me! It sounds absolutely "
    "wonderful and I would be more than happy to help in any way I can."
)
FIXED = {
    "empty": "",
    "ok": "ok",
    "yes please": "Yes, please.",
    "profanity": "What the fuck is this shit?",
    "over-polite": POLITE,
    "control tokens": "<|im_start|>assistant\nYes.<|im_end|>",
    "wrong role": "Salesperson: And how much would you like to give?",
}


def adversarial(
    humans: Sequence[Turn],
    discriminator: Discriminator,
    encoder: Encoder,
    choice: Choice,
    language: str,
    seed: int,
) -> list[dict[str, Any]]:
    """Return a row for each kind of answer.

    The mean of each term and of the sum, and how often it is below the human's.

    Args:
        humans: Human turns that are their own references.
        discriminator: D_phi.
        encoder: phi.
        choice: Weights, delta and floor.
        language: BCP 47.
        seed: Draws which human turn of another call is copied.
    """

    def rewards(make: Callable[[Turn], str]) -> list[MultiLevel]:
        turns = [turn._replace(answer=make(turn)) for turn in humans]
        weights, delta, floor = choice
        return multi_level(
            turns,
            discriminator,
            encoder,
            weights=weights,
            delta=delta,
            floor=floor,
            language=language,
        )

    rng, reference = random.Random(seed), rewards(lambda turn: turn.reference)
    others = [
        rng.choice([one.reference for one in humans if one.context[0] != turn.context[0]])
        for turn in humans
    ]
    elsewhere = iter(others)
    makers: dict[str, Callable[[Turn], str]] = {
        "the human's own": lambda turn: turn.reference,
        **{name: lambda _, text=text: text for name, text in FIXED.items()},  # type: ignore[misc]
        "copy of the salesperson": lambda turn: turn.context[-1]["content"],
        "a human's, of another call": lambda _: next(elsewhere),
        "the human's, twice": lambda turn: f"{turn.reference} {turn.reference}",
    }
    rows = []
    for name, make in makers.items():
        found = rewards(make)
        below = np.mean(
            [one.score < human.score for one, human in zip(found, reference, strict=True)]
        )
        means = {
            field: float(np.mean([getattr(one, field) for one in found]))
            for field in MultiLevel._fields
        }
        rows.append(
            {
                "answer": name,
                **{key: round(value, 3) for key, value in means.items()},
                "below_human": float(below),
            }
        )
    return rows
