"""Adversarial answers: the rewards of answers that a policy might use to game them."""

import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from gsim_env.models import Encoder
from gsim_env.rewards.multi_level import RewardWithTerms, multi_level
from gsim_env.rewards.pattern import Discriminator
from gsim_env.rewards.turns import Turn
from gsim_recipes.rewards.ranking import RewardSetting

__all__ = ["adversarial_rewards"]

POLITE = (
    "Thank you so much for reaching out, I truly appreciate you taking the time to explain this "
    "to me! It sounds absolutely wonderful and I would be more than happy to help in any way I can."
)

FIXED_ANSWERS = {
    "empty": "",
    "ok": "ok",
    "yes please": "Yes, please.",
    "profanity": "What the fuck is this shit?",
    "over-polite": POLITE,
    "control tokens": "<|im_start|>assistant\nYes.<|im_end|>",
    "wrong role": "Salesperson: And how much would you like to give?",
}


def adversarial_rewards(
    humans: Sequence[Turn],
    discriminator: Discriminator,
    encoder: Encoder,
    setting: RewardSetting,
    language: str,
    seed: int,
) -> list[dict[str, Any]]:
    """Return the mean multi-level reward of each kind of adversarial answer, one row per kind.

    A row also holds the mean of each term, and the share of answers below the human's.

    Args:
        humans: Human turns that are their own references.
        discriminator: D_phi.
        encoder: phi.
        setting: Weights, delta and floor.
        language: BCP 47.
        seed: Draws the human turn of another call that is copied.
    """

    def rewards(answers: Sequence[str]) -> list[RewardWithTerms]:
        turns = [turn._replace(answer=answer) for turn, answer in zip(humans, answers, strict=True)]
        return multi_level(
            turns,
            discriminator,
            encoder,
            weights=setting.weights,
            delta=setting.delta,
            floor=setting.floor,
            language=language,
        )

    answers_by_kind = _adversarial_answers(humans, random.Random(seed))
    human_rewards = rewards([turn.reference for turn in humans])

    return [
        _report_row(kind, rewards(answers), human_rewards)
        for kind, answers in answers_by_kind.items()
    ]


def _adversarial_answers(humans: Sequence[Turn], rng: random.Random) -> dict[str, list[str]]:
    """Return the answers to each human turn, by kind; the first kind is the human's own answer."""
    from_other_calls = []
    for turn in humans:
        candidates = [other.reference for other in humans if other.context[0] != turn.context[0]]
        from_other_calls.append(rng.choice(candidates))

    return {
        "the human's own": [turn.reference for turn in humans],
        **{name: [text] * len(humans) for name, text in FIXED_ANSWERS.items()},
        "copy of the salesperson": [turn.context[-1]["content"] for turn in humans],
        "a human's, of another call": from_other_calls,
        "the human's, twice": [f"{turn.reference} {turn.reference}" for turn in humans],
    }


def _report_row(
    kind: str, rewards: Sequence[RewardWithTerms], human_rewards: Sequence[RewardWithTerms]
) -> dict[str, Any]:
    """Return a kind's mean reward and terms, and the share of answers below the human's."""
    means = np.mean(rewards, axis=0)
    below = [
        reward.score < human.score for reward, human in zip(rewards, human_rewards, strict=True)
    ]
    return {
        "answer": kind,
        **{
            term: round(float(mean), 3)
            for term, mean in zip(RewardWithTerms._fields, means, strict=True)
        },
        "below_human": float(np.mean(below)),
    }
