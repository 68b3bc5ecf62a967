"""The semantic reward (eq. 11): similarity of the answer's meaning to the human's."""

from collections.abc import Sequence

import numpy as np

from gsim_env.models import Encoder
from gsim_env.rewards.turns import FLOOR, Turn, find_answer_fault

__all__ = ["DELTA", "semantic_reward", "text_pair_cosines"]


DELTA = 0.5
"""Default cutoff; the paper gives none.

Chosen by a grid search for MiniLM's cosines: ``results/rewards/report.json``.
"""


def semantic_reward(
    turns: Sequence[Turn], encoder: Encoder, *, delta: float = DELTA, floor: float = FLOOR
) -> list[float]:
    """Return each answer's semantic reward: embedding similarity to the human's (eq. 11).

    The reward is (sim(phi(y), phi(y*)) - delta) / (1 - delta), in [``floor``, 1]: 1 for the
    reference itself, 0 at a cosine of ``delta``, negative below. A fault
    (:func:`~gsim_env.rewards.turns.find_answer_fault`) gets ``floor``.

    Args:
        turns: Answers with their references.
        encoder: phi.
        delta: The cutoff, in [0, 1).
        floor: The lowest reward.

    Raises:
        ValueError: if ``delta`` is not in [0, 1).
        SimulatorError: if the encoder fails.
    """
    if not 0.0 <= delta < 1.0:
        raise ValueError(f"delta must be in [0, 1), got {delta}.")

    answers = [turn.answer for turn in turns]
    references = [turn.reference for turn in turns]
    cosines = text_pair_cosines(answers, references, encoder)

    return [
        floor if find_answer_fault(turn) else max(floor, (cosine - delta) / (1.0 - delta))
        for turn, cosine in zip(turns, cosines, strict=True)
    ]


def text_pair_cosines(texts: Sequence[str], others: Sequence[str], encoder: Encoder) -> list[float]:
    """Return the cosine similarity of the embeddings of ``texts[i]`` and ``others[i]``, in [-1, 1].

    Each distinct text is embedded once.
    """
    distinct = list(dict.fromkeys([*texts, *others]))
    if not distinct:
        return []

    row = {text: index for index, text in enumerate(distinct)}
    vectors = encoder.encode(distinct)
    left = vectors[[row[text] for text in texts]]
    right = vectors[[row[text] for text in others]]

    cosines = np.clip(np.einsum("nd,nd->n", left, right), -1.0, 1.0)
    return [float(cosine) for cosine in cosines]
