"""One sequence a call.

Its history once as a trunk, and each turn's guidance and answer as a branch of it.

The prompt of turn t without its guidance is a prefix of turn t+1's, so the prompts of a call form a
comb. Laid out as one sequence with an attention mask that lets each branch see only its own piece
of the trunk, a call costs one forward pass instead of one a turn (about a third of the tokens), and
every logit is what a pass of its own would give.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from gsim_env.simulation.replay import ReplayedCall

IGNORED = -100


def token_ids(tokenizer: Any, text: str) -> list[int]:
    """Return the tokens of ``text`` as it is."""
    return list(tokenizer.encode(text, add_special_tokens=False))


@dataclass(frozen=True)
class PackedCall:
    """Tensors of one call, for a batch of one.

    Ids, positions and labels (1, n), mask (1, 1, n, n) of booleans.
    """

    call_id: str
    input_ids: torch.Tensor
    position_ids: torch.Tensor
    labels: torch.Tensor
    mask: torch.Tensor


def pack(call: ReplayedCall, tokenizer: Any, max_tokens: int) -> PackedCall:
    """Lay out ``call`` as a comb; late branches that do not fit in ``max_tokens`` are left out."""

    def chat(role: str, content: str) -> list[int]:
        return encode(f"<|im_start|>{role}\n{content}<|im_end|>\n")

    encode = partial(token_ids, tokenizer)
    trunk: list[int] = []
    branches: list[tuple[int, list[int], list[int]]] = []
    guidances = iter(call.guidances)
    for message in call.history:
        if message["role"] == "assistant":
            prompt = chat("system", next(guidances)["content"]) + encode("<|im_start|>assistant\n")
            branches.append((len(trunk), prompt, encode(f"{message['content']}<|im_end|>")))
        trunk += chat(message["role"], message["content"])
    trunk = trunk[: branches[-1][0]]

    ids, positions, labels = list(trunk), list(range(len(trunk))), [IGNORED] * len(trunk)
    spans = []
    for start, prompt, answer in branches:
        if len(ids) + len(prompt) + len(answer) > max_tokens:
            break
        spans.append((start, len(ids), len(ids) + len(prompt) + len(answer)))
        ids += prompt + answer
        positions += range(start, start + len(prompt) + len(answer))
        labels += [IGNORED] * len(prompt) + answer
    mask = torch.tril(torch.ones(len(ids), len(ids), dtype=torch.bool))
    mask[len(trunk) :, :] = False
    for start, begin, end in spans:
        mask[begin:end, :start] = True
        mask[begin:end, begin:end] = torch.tril(
            torch.ones(end - begin, end - begin, dtype=torch.bool)
        )
    return PackedCall(
        call.call_id,
        torch.tensor([ids]),
        torch.tensor([positions]),
        torch.tensor([labels]),
        mask[None, None],
    )


def pack_unguided(call: ReplayedCall, tokenizer: Any, max_tokens: int) -> PackedCall:
    """Lay out ``call`` as it was said, without guidance (UserLM's way).

    What is over ``max_tokens`` is left out.
    """
    encode = partial(token_ids, tokenizer)
    ids: list[int] = []
    labels: list[int] = []
    for message in call.history:
        head, said, gap = (
            encode(f"<|im_start|>{message['role']}\n"),
            encode(f"{message['content']}<|im_end|>"),
            encode("\n"),
        )
        ids += head + said + gap
        learnt = said if message["role"] == "assistant" else [IGNORED] * len(said)
        labels += [IGNORED] * len(head) + learnt + [IGNORED] * len(gap)
    ids, labels = ids[:max_tokens], labels[:max_tokens]
    mask = torch.tril(torch.ones(len(ids), len(ids), dtype=torch.bool))
    positions = torch.arange(len(ids))[None]
    return PackedCall(
        call.call_id, torch.tensor([ids]), positions, torch.tensor([labels]), mask[None, None]
    )
