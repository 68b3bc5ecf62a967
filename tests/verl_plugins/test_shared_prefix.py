"""Shared-prefix batches give the log-probabilities of separate passes."""

import torch
from transformers import LlamaForCausalLM

from tests.helpers.tiny_llama import tiny_llama
from verl_plugins.cpu.sampler import BatchedSampler, SamplingParams
from verl_plugins.cpu.shared_prefix import pack_shared_prefixes


def tiny() -> LlamaForCausalLM:
    model = tiny_llama(
        vocab_size=97, hidden_size=32, intermediate_size=64, eos_token_id=96, pad_token_id=96
    )
    return model.eval()


def vectors(*rows: list[int]) -> list[torch.Tensor]:
    return [torch.tensor(row) for row in rows]


def test_a_hand_made_batch() -> None:
    packed = pack_shared_prefixes(vectors([5, 6], [5, 6], [7]), vectors([1, 2], [3], [4]))
    assert packed.input_ids.tolist() == [[5, 6, 1, 2, 3, 7, 4]]
    assert packed.position_ids.tolist() == [[0, 1, 2, 3, 2, 0, 1]]
    assert packed.predicted_at.tolist() == [1, 2, 1, 5]
    assert packed.labels.tolist() == [1, 2, 3, 4]
    assert packed.rows.tolist() == [0, 0, 1, 2]
    assert packed.mask[0, 0].int().tolist() == [
        [1, 0, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0, 0],
        [1, 1, 1, 1, 0, 0, 0],
        [1, 1, 0, 0, 1, 0, 0],
        [0, 0, 0, 0, 0, 1, 0],
        [0, 0, 0, 0, 0, 1, 1],
    ]


def test_log_probabilities_equal_those_of_separate_passes() -> None:
    model = tiny()
    generator = torch.Generator().manual_seed(1)
    shared, other = (torch.randint(0, 96, (size,), generator=generator) for size in (11, 4))
    prompts = [shared, other, shared, shared]
    responses = [torch.randint(0, 96, (size,), generator=generator) for size in (3, 5, 1, 7)]
    packed = pack_shared_prefixes(prompts, responses)
    logits = model(
        input_ids=packed.input_ids,
        position_ids=packed.position_ids,
        attention_mask=packed.mask,
        logits_to_keep=packed.predicted_at,
    ).logits[0]
    together = logits.log_softmax(-1).gather(-1, packed.labels[:, None])[:, 0]
    alone = []
    for prompt, response in zip(prompts, responses, strict=True):
        own = (
            model(input_ids=torch.cat([prompt, response])[None])
            .logits[0, len(prompt) - 1 : -1]
            .log_softmax(-1)
        )
        alone.append(own.gather(-1, response[:, None])[:, 0])
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=1e-5)


def test_the_sampler_returns_the_log_probabilities_of_sampled_tokens() -> None:
    model = tiny()
    prompts = [[5, 6, 7, 8], [5, 6, 7, 8], [9], [5, 6, 7, 8]]
    torch.manual_seed(3)
    for (ids, log_probs), prompt in zip(
        BatchedSampler(model)(prompts, SamplingParams(0.7, 1.0, -1, 12)), prompts, strict=True
    ):
        assert 1 <= len(ids) <= 12
        assert 96 not in ids[:-1]
        logits = (
            model(input_ids=torch.tensor([[*prompt, *ids]])).logits[0, len(prompt) - 1 : -1] / 0.7
        )
        own = logits.log_softmax(-1).gather(-1, torch.tensor(ids)[:, None])[:, 0]
        torch.testing.assert_close(torch.tensor(log_probs), own, atol=1e-4, rtol=1e-4)


def test_greedy_samples_of_equal_prompts_are_equal() -> None:
    first, second, alone = BatchedSampler(tiny())(
        [[5, 6, 7], [5, 6, 7], [8, 9]], SamplingParams(0.0, 1.0, -1, 6)
    )
    assert first == second
    assert BatchedSampler(tiny())([[8, 9]], SamplingParams(0.0, 1.0, -1, 6))[0][0] == alone[0]
