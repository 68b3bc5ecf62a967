"""Batched sampling from a causal language model of transformers, with log-probabilities."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

__all__ = ["BatchedSampler", "SamplingParams"]


class SamplingParams(NamedTuple):
    """Sampling parameters of a generation request, named as in vLLM.

    Attributes:
        temperature: 0 for greedy decoding.
        top_p: Probability mass to sample from.
        top_k: Number of tokens to sample from; -1 for all.
        max_tokens: Maximum length of the response.
    """

    temperature: float
    top_p: float
    top_k: int
    max_tokens: int

    def to_generate_arguments(self) -> dict[str, Any]:
        """Return the arguments for the ``generate`` method of transformers models."""
        if self.temperature <= 0:
            return {"do_sample": False}
        return {
            "do_sample": True,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "top_k": max(self.top_k, 0),  # transformers disables it by 0, vLLM by -1
        }


class BatchedSampler:
    """Samples responses to batches of tokenized prompts from a transformers model.

    Args:
        model: A causal language model of transformers, in evaluation mode.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        config = model.generation_config
        eos = config.eos_token_id
        self._eos_ids = set(eos if isinstance(eos, list) else [eos])
        default_pad = next(iter(self._eos_ids))
        self._pad_id = default_pad if config.pad_token_id is None else config.pad_token_id

    @torch.no_grad()
    def __call__(
        self, prompts: Sequence[Sequence[int]], params: SamplingParams
    ) -> list[tuple[list[int], list[float]]]:
        """Return the sampled ids of each prompt and their log-probabilities.

        Equal prompts, as in a GRPO group, are computed once.

        Args:
            prompts: Token ids of each prompt.
            params: The sampling parameters.

        Returns:
            For each prompt the ids up to and including the end token, and the log-probability of
            each under the distribution with the temperature applied. verl's actor computes the same
            (for ``top_p`` 1 and ``top_k`` -1).
        """
        distinct = list(dict.fromkeys(map(tuple, prompts)))
        index = {prompt: row for row, prompt in enumerate(distinct)}
        rows = torch.tensor([index[tuple(prompt)] for prompt in prompts])
        ids, attention = self._pad_left(distinct)

        # The cache of each distinct prompt, then one copy per sample.
        cache = None
        width = ids.shape[1]
        if width > 1 and len(distinct) < len(prompts):
            cache = self._prefill(ids, attention)
            cache.batch_select_indices(rows.to(ids.device))

        output = self.model.generate(
            input_ids=ids[rows],
            attention_mask=attention[rows],
            past_key_values=cache,
            max_new_tokens=params.max_tokens,
            return_dict_in_generate=True,
            output_scores=True,
            pad_token_id=self._pad_id,
            **params.to_generate_arguments(),
        )

        sampled = output.sequences[:, width:]
        distributions = torch.stack(output.scores, dim=1).float().log_softmax(dim=-1)
        log_probs = distributions.gather(-1, sampled[..., None])[..., 0]
        pairs = zip(sampled.tolist(), log_probs.tolist(), strict=True)
        return [self._cut_after_eos(*pair) for pair in pairs]

    def _pad_left(self, prompts: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return ids and attention mask, both of shape (prompts, longest prompt)."""
        width = max(map(len, prompts))
        ids = [[self._pad_id] * (width - len(prompt)) + list(prompt) for prompt in prompts]
        attention = [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts]
        device = self.model.device
        return torch.tensor(ids, device=device), torch.tensor(attention, device=device)

    def _prefill(self, ids: torch.Tensor, attention: torch.Tensor) -> Any:
        """Return the KV cache of all but the last token of each prompt."""
        positions = (attention.cumsum(-1) - 1).clamp(min=0)
        return self.model(
            input_ids=ids[:, :-1],
            attention_mask=attention[:, :-1],
            position_ids=positions[:, :-1],
            use_cache=True,
            logits_to_keep=1,
        ).past_key_values

    def _cut_after_eos(
        self, ids: list[int], log_probs: list[float]
    ) -> tuple[list[int], list[float]]:
        ends = (index + 1 for index, token in enumerate(ids) if token in self._eos_ids)
        end = next(ends, len(ids))
        return ids[:end], log_probs[:end]
