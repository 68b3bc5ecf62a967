"""A packed call gives the losses of its turns in separate passes."""

import numpy as np
import pytest

from gsim_env.models.encoders import HashingEncoder
from gsim_env.simulation.replay import replay
from gsim_env.sop.index import index_calls
from gsim_env.sop.library import MemoryLibrary

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def replayed(group):
    indexed = index_calls(group.calls, HashingEncoder())
    return list(replay(group, indexed, MemoryLibrary(indexed), np.random.default_rng(0)))


def test_packed_log_probabilities_are_those_of_separate_passes(replayed):
    import torch
    from gsim_recipes.embedded_lora.packing import pack_guided_call
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    from gsim_env.models.weights import pull_base_model

    base = pull_base_model()
    tokenizer = AutoTokenizer.from_pretrained(str(base.parent), gguf_file=base.name)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2
    )
    model = LlamaForCausalLM(config).eval()

    def log_probabilities(**inputs):
        with torch.no_grad():
            return torch.log_softmax(model(**inputs).logits[0], dim=-1)

    call = min(replayed, key=lambda call: len(call.history))
    packed = pack_guided_call(call, tokenizer, max_tokens=4096)
    mask = torch.zeros(packed.mask.shape).masked_fill(~packed.mask, torch.finfo(torch.float32).min)
    rows = log_probabilities(
        input_ids=packed.input_ids, position_ids=packed.position_ids, attention_mask=mask
    )
    where = torch.nonzero(packed.labels[0] != -100)[:, 0]
    ours = rows[where - 1].gather(1, packed.labels[0, where][:, None])[:, 0]

    theirs = []
    for messages, answer in call.examples():
        prompt = "".join(f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in messages)
        prompt_ids = tokenizer.encode(prompt + "<|im_start|>assistant\n", add_special_tokens=False)
        answer_ids = tokenizer.encode(f"{answer}<|im_end|>", add_special_tokens=False)
        rows = log_probabilities(input_ids=torch.tensor([prompt_ids + answer_ids]))
        theirs += [rows[len(prompt_ids) - 1 + i, token] for i, token in enumerate(answer_ids)]
    assert torch.allclose(ours, torch.stack(theirs), atol=1e-4)


def test_references_do_not_quote_the_answer(replayed, group):
    own = {call.id: {turn.text for turn in call.customer_turns()} for call in group.calls}
    for call in replayed:
        for guidance in call.guidances:
            quoted = {
                line[2:] for line in guidance["content"].splitlines() if line.startswith("> ")
            }
            assert quoted
            shared = quoted & own[call.call_id]
            assert all(len(text.split()) <= 3 for text in shared), shared


def test_unguided_packing_learns_the_customer_turns(replayed):
    from gsim_recipes.embedded_lora.packing import pack_unguided_call
    from transformers import AutoTokenizer

    from gsim_env.models.weights import pull_base_model

    base = pull_base_model()
    tokenizer = AutoTokenizer.from_pretrained(str(base.parent), gguf_file=base.name)
    call = min(replayed, key=lambda call: len(call.history))
    packed = pack_unguided_call(call, tokenizer, max_tokens=4096)
    said = "".join(f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in call.history)
    assert tokenizer.decode(packed.input_ids[0]) == said
    learnt = tokenizer.decode(packed.labels[packed.labels != -100])
    assert learnt == "".join(
        f"{m['content']}<|im_end|>" for m in call.history if m["role"] == "assistant"
    )
    short = pack_unguided_call(call, tokenizer, max_tokens=50)
    assert short.input_ids.shape == short.labels.shape == (1, 50)
    assert short.mask.shape == (1, 1, 50, 50)
