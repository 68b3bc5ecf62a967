"""Packing of a call into one sequence: the history as a trunk, each turn's prompt as a branch.

The prompt of turn t without its guidance is a prefix of that of turn t+1, so the prompts of a call
form a comb. In one sequence, with an attention mask that lets each branch see only its part of the
trunk, a call costs one forward pass instead of one per turn (about a third of the tokens), and
every logit equals that of a separate pass.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from gsim_env.simulation.replay import ReplayedCall

IGNORED = -100
"""The label of a token without a loss, as in torch's cross-entropy."""


def _token_ids(tokenizer: Any, text: str) -> list[int]:
    """Return the token ids of ``text`` without added special tokens."""
    return list(tokenizer.encode(text, add_special_tokens=False))


@dataclass(frozen=True)
class PackedCall:
    """Input tensors, labels and attention mask of one call, packed into a batch of one sequence.

    Attributes:
        call_id: Id of the call.
        input_ids: (1, n).
        position_ids: (1, n).
        labels: (1, n); :data:`IGNORED` where there is nothing to learn.
        mask: Attention mask, (1, 1, n, n) of booleans.
    """

    call_id: str
    input_ids: torch.Tensor
    position_ids: torch.Tensor
    labels: torch.Tensor
    mask: torch.Tensor


@dataclass(frozen=True)
class _Branch:
    """A turn of a call: its start in the trunk, its guided prompt, and the answer to learn."""

    start: int
    prompt: list[int]
    answer: list[int]

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self.prompt) + len(self.answer)


def pack_guided_call(call: ReplayedCall, tokenizer: Any, max_tokens: int) -> PackedCall:
    """Pack all turns of a call, with guidance, into one training sequence.

    Late turns that exceed ``max_tokens`` are left out.
    """
    trunk, branches = _trunk_and_branches(call, tokenizer)

    ids = list(trunk)
    positions = list(range(len(trunk)))
    labels = [IGNORED] * len(trunk)
    spans = []
    for branch in branches:
        end = len(ids) + len(branch)
        if end > max_tokens:
            break
        spans.append((branch.start, len(ids), end))
        ids += branch.prompt + branch.answer
        positions += range(branch.start, branch.start + len(branch))
        labels += [IGNORED] * len(branch.prompt) + branch.answer

    # A branch sees the trunk before its start, and itself causally.
    mask = _causal_mask(len(ids))
    mask[len(trunk) :, :] = False
    for start, begin, end in spans:
        mask[begin:end, :start] = True
        mask[begin:end, begin:end] = _causal_mask(end - begin)

    return PackedCall(
        call.call_id,
        torch.tensor([ids]),
        torch.tensor([positions]),
        torch.tensor([labels]),
        mask[None, None],
    )


def _trunk_and_branches(call: ReplayedCall, tokenizer: Any) -> tuple[list[int], list[_Branch]]:
    """Return the tokens of a call's history up to its last answer, and a branch per answer."""
    encode = partial(_token_ids, tokenizer)

    def chat(role: str, content: str) -> list[int]:
        return encode(f"<|im_start|>{role}\n{content}<|im_end|>\n")

    trunk: list[int] = []
    branches: list[_Branch] = []
    guidances = iter(call.guidances)
    for message in call.history:
        if message["role"] == "assistant":
            prompt = chat("system", next(guidances)["content"]) + encode("<|im_start|>assistant\n")
            answer = encode(f"{message['content']}<|im_end|>")
            branches.append(_Branch(len(trunk), prompt, answer))
        trunk += chat(message["role"], message["content"])
    return trunk[: branches[-1].start], branches


def _causal_mask(size: int) -> torch.Tensor:
    """Return a lower-triangular attention mask of booleans, shape (size, size)."""
    return torch.tril(torch.ones(size, size, dtype=torch.bool))


def pack_unguided_call(call: ReplayedCall, tokenizer: Any, max_tokens: int) -> PackedCall:
    """Pack a call, without guidance (UserLM), into one training sequence.

    Tokens beyond ``max_tokens`` are left out.
    """
    encode = partial(_token_ids, tokenizer)
    ids: list[int] = []
    labels: list[int] = []
    for message in call.history:
        head = encode(f"<|im_start|>{message['role']}\n")
        content = encode(f"{message['content']}<|im_end|>")
        gap = encode("\n")
        ids += head + content + gap
        learned = content if message["role"] == "assistant" else [IGNORED] * len(content)
        labels += [IGNORED] * len(head) + learned + [IGNORED] * len(gap)

    ids = ids[:max_tokens]
    labels = labels[:max_tokens]
    return PackedCall(
        call.call_id,
        torch.tensor([ids]),
        torch.arange(len(ids))[None],
        torch.tensor([labels]),
        _causal_mask(len(ids))[None, None],
    )
