"""Sequences that begin alike, laid out as one.

Their common prompt once as a trunk, each response as a branch of it.

The samples of a GRPO group share their prompt, which is several times as long as a response. Laid
out as a comb, with an attention mask that lets each branch see its own trunk only, they cost one
pass over the prompt, and logits are made for response tokens only. Every log-probability is what a
pass of its own would give.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

__all__ = ["SharedPrefixBatch", "comb"]


@dataclass(frozen=True)
class SharedPrefixBatch:
    """Tensors for one forward pass, L tokens long, and where the responses' R tokens are.

    Attributes:
        input_ids: (1, L).
        position_ids: (1, L).
        mask: (1, 1, L, L), booleans; ``True`` may be seen.
        predicted_at: (R,), the place in L of the logits that predict each response token, row after
            row.
        labels: (R,), the response tokens.
        rows: (R,), the row that each belongs to.
    """

    input_ids: torch.Tensor
    position_ids: torch.Tensor
    mask: torch.Tensor
    predicted_at: torch.Tensor
    labels: torch.Tensor
    rows: torch.Tensor


def comb(prompts: Sequence[torch.Tensor], responses: Sequence[torch.Tensor]) -> SharedPrefixBatch:
    """Lay out sequences; each prompt and each response is a vector of ids, not empty."""
    teeth: dict[tuple[int, ...], list[int]] = {}
    for row, prompt in enumerate(prompts):
        teeth.setdefault(tuple(prompt.tolist()), []).append(row)
    total = sum(map(len, teeth)) + sum(map(len, responses))
    mask = torch.zeros(total, total, dtype=torch.bool)
    ids: list[int] = []
    positions: list[int] = []
    places: list[list[int]] = [[] for _ in prompts]
    for trunk, rows in teeth.items():
        begin, root = len(ids), len(ids) + len(trunk)
        ids += trunk
        positions += range(len(trunk))
        mask[begin:root, begin:root] = triangle(len(trunk))
        for row in rows:
            start, size = len(ids), len(responses[row])
            ids += responses[row].tolist()
            positions += range(len(trunk), len(trunk) + size)
            mask[start : start + size, begin:root] = True
            mask[start : start + size, start : start + size] = triangle(size)
            places[row] = [root - 1, *range(start, start + size - 1)]
    return SharedPrefixBatch(
        torch.tensor([ids]),
        torch.tensor([positions]),
        mask[None, None],
        torch.tensor([place for own in places for place in own]),
        torch.cat(list(responses)),
        torch.repeat_interleave(torch.tensor(list(map(len, responses)))),
    )


def triangle(size: int) -> torch.Tensor:
    """Return the causal mask of a sequence."""
    return torch.ones(size, size, dtype=torch.bool).tril()
