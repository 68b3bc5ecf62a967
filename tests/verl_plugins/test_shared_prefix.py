"""The comb: several sequences in one pass, each as if alone."""

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from verl_plugins.cpu.rollout import Drawing, Sampler
from verl_plugins.cpu.shared_prefix import comb


def tiny() -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=97, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, eos_token_id=96, pad_token_id=96,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


def vectors(*rows: list[int]) -> list[torch.Tensor]:
    return [torch.tensor(row) for row in rows]


def test_a_hand_made_comb() -> None:
    laid = comb(vectors([5, 6], [5, 6], [7]), vectors([1, 2], [3], [4]))
    assert laid.input_ids.tolist() == [[5, 6, 1, 2, 3, 7, 4]]
    assert laid.position_ids.tolist() == [[0, 1, 2, 3, 2, 0, 1]]
    assert laid.predicted_at.tolist() == [1, 2, 1, 5]
    assert laid.labels.tolist() == [1, 2, 3, 4]
    assert laid.rows.tolist() == [0, 0, 1, 2]
    assert laid.mask[0, 0].int().tolist() == [
        [1, 0, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0, 0],
        [1, 1, 1, 1, 0, 0, 0],
        [1, 1, 0, 0, 1, 0, 0],
        [0, 0, 0, 0, 0, 1, 0],
        [0, 0, 0, 0, 0, 1, 1],
    ]


def test_log_probabilities_are_those_of_passes_of_their_own() -> None:
    model = tiny()
    generator = torch.Generator().manual_seed(1)
    shared, other = (torch.randint(0, 96, (size,), generator=generator) for size in (11, 4))
    prompts = [shared, other, shared, shared]
    responses = [torch.randint(0, 96, (size,), generator=generator) for size in (3, 5, 1, 7)]
    laid = comb(prompts, responses)
    logits = model(
        input_ids=laid.input_ids,
        position_ids=laid.position_ids,
        attention_mask=laid.mask,
        logits_to_keep=laid.predicted_at,
    ).logits[0]
    together = logits.log_softmax(-1).gather(-1, laid.labels[:, None])[:, 0]
    alone = []
    for prompt, response in zip(prompts, responses, strict=True):
        own = (
            model(input_ids=torch.cat([prompt, response])[None])
            .logits[0, len(prompt) - 1 : -1]
            .log_softmax(-1)
        )
        alone.append(own.gather(-1, response[:, None])[:, 0])
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=1e-5)


def test_the_sampler_tells_the_probability_of_what_it_drew() -> None:
    model = tiny()
    prompts = [[5, 6, 7, 8], [5, 6, 7, 8], [9], [5, 6, 7, 8]]
    torch.manual_seed(3)
    for (ids, told), prompt in zip(
        Sampler(model)(prompts, Drawing(0.7, 1.0, -1, 12)), prompts, strict=True
    ):
        assert 1 <= len(ids) <= 12
        assert 96 not in ids[:-1]
        logits = (
            model(input_ids=torch.tensor([[*prompt, *ids]])).logits[0, len(prompt) - 1 : -1] / 0.7
        )
        own = logits.log_softmax(-1).gather(-1, torch.tensor(ids)[:, None])[:, 0]
        torch.testing.assert_close(torch.tensor(told), own, atol=1e-4, rtol=1e-4)


def test_greedy_samples_of_equal_prompts_are_equal() -> None:
    first, second, alone = Sampler(tiny())([[5, 6, 7], [5, 6, 7], [8, 9]], Drawing(0.0, 1.0, -1, 6))
    assert first == second
    assert Sampler(tiny())([[8, 9]], Drawing(0.0, 1.0, -1, 6))[0][0] == alone[0]
