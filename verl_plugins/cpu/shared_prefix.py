"""Shared-prefix batches: sequences with a common prompt, packed so that it is computed once.

The samples of a GRPO group share their prompt, which is several times as long as a response. Packed
into one sequence, with an attention mask by which each response sees only its prompt and itself,
they cost one pass over the prompt, and logits are computed for response tokens only. The
log-probabilities are those of separate passes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import torch

__all__ = ["SharedPrefixBatch", "pack_shared_prefixes"]


@dataclass(frozen=True)
class SharedPrefixBatch:
    """Prompts and their responses packed into one sequence: L tokens, R of them in responses.

    Attributes:
        input_ids: Shape (1, L).
        position_ids: Shape (1, L).
        mask: Shape (1, 1, L, L), booleans; ``True`` where a token may attend to another.
        predicted_at: Shape (R,), index in L of the logits that predict each response token, row
            after row.
        labels: Shape (R,), the response tokens.
        rows: Shape (R,), the row of each response token.
    """

    input_ids: torch.Tensor
    position_ids: torch.Tensor
    mask: torch.Tensor
    predicted_at: torch.Tensor
    labels: torch.Tensor
    rows: torch.Tensor


def pack_shared_prefixes(
    prompts: Sequence[torch.Tensor], responses: Sequence[torch.Tensor]
) -> SharedPrefixBatch:
    """Pack prompts and responses into one sequence, with each distinct prompt only once.

    All responses to a prompt follow it.

    Args:
        prompts: Token ids of each row's prompt; not empty.
        responses: Token ids of each row's response; not empty.
    """
    rows_by_prompt = _rows_by_prompt(prompts)
    length = sum(map(len, rows_by_prompt)) + sum(map(len, responses))
    mask = torch.zeros(length, length, dtype=torch.bool)
    ids: list[int] = []
    positions: list[int] = []
    predicted_at: list[list[int]] = [[] for _ in prompts]

    for prompt_ids, rows in rows_by_prompt.items():
        prompt_start = len(ids)
        prompt_end = prompt_start + len(prompt_ids)
        ids += prompt_ids
        positions += range(len(prompt_ids))
        mask[prompt_start:prompt_end, prompt_start:prompt_end] = _causal_mask(len(prompt_ids))

        for row in rows:
            start = len(ids)
            size = len(responses[row])
            ids += responses[row].tolist()
            positions += range(len(prompt_ids), len(prompt_ids) + size)
            mask[start : start + size, prompt_start:prompt_end] = True
            mask[start : start + size, start : start + size] = _causal_mask(size)
            # The prompt's last token predicts the response's first.
            predicted_at[row] = [prompt_end - 1, *range(start, start + size - 1)]

    return SharedPrefixBatch(
        input_ids=torch.tensor([ids]),
        position_ids=torch.tensor([positions]),
        mask=mask[None, None],
        predicted_at=torch.tensor(list(chain.from_iterable(predicted_at))),
        labels=torch.cat(list(responses)),
        rows=torch.repeat_interleave(torch.tensor(list(map(len, responses)))),
    )


def _rows_by_prompt(prompts: Sequence[torch.Tensor]) -> dict[tuple[int, ...], list[int]]:
    """Return the row numbers of each distinct prompt."""
    rows: dict[tuple[int, ...], list[int]] = {}
    for row, prompt in enumerate(prompts):
        rows.setdefault(tuple(prompt.tolist()), []).append(row)
    return rows


def _causal_mask(size: int) -> torch.Tensor:
    """Return a lower-triangular attention mask of booleans, shape (size, size)."""
    return torch.ones(size, size, dtype=torch.bool).tril()
