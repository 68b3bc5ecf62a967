"""LoRAs stacked, taken apart and compressed."""

import json

import numpy as np
import pytest
from gsim_recipes.embedded_lora.compress import (
    decompose_lora,
    quantize_by_rank,
    quantize_by_step,
    relative_weight_error,
    save_quantized_lora,
)
from gsim_recipes.embedded_lora.stack import stack_loras
from gsim_recipes.embedded_lora.unstack import extract_first_lora
from safetensors.numpy import save_file

from gsim_env.errors import ConfigurationError
from gsim_env.models.weights import read_lora_deltas

QUERY = "base_model.model.model.layers.0.self_attn.q_proj"
GATE = "base_model.model.model.layers.0.mlp.gate_proj"


def adapter(folder, rank, alpha, modules=(QUERY, GATE)):
    rng = np.random.default_rng(rank)
    tensors = {}
    for module in modules:
        tensors[f"{module}.lora_A.weight"] = rng.normal(size=(rank, 12)).astype(np.float32)
        tensors[f"{module}.lora_B.weight"] = rng.normal(size=(8, rank)).astype(np.float32)
    folder.mkdir()
    save_file(tensors, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(
        json.dumps({"r": rank, "lora_alpha": alpha, "peft_type": "LORA"})
    )
    return folder


def deltas(folder):
    return read_lora_deltas(folder)


def test_the_stack_changes_weights_by_the_sum_of_what_each_does(tmp_path):
    one, two = (
        adapter(tmp_path / "one", rank=4, alpha=8),
        adapter(tmp_path / "two", rank=2, alpha=1),
    )
    stack_loras([one, two], tmp_path / "both")
    config = json.loads((tmp_path / "both" / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"], config["peft_type"]) == (6, 6, "LORA")
    both, first, second = deltas(tmp_path / "both"), deltas(one), deltas(two)
    assert set(both) == {"blk.0.attn_q.weight", "blk.0.ffn_gate.weight"}
    for name, delta in both.items():
        np.testing.assert_allclose(delta, first[name] + second[name], atol=0.05)
        assert np.abs(second[name]).max() > 0.5


def test_loras_of_different_modules_have_no_sum(tmp_path):
    one, two = adapter(tmp_path / "one", 4, 8), adapter(tmp_path / "two", 2, 1, modules=(QUERY,))
    with pytest.raises(ConfigurationError, match="do not change the same modules"):
        stack_loras([one, two], tmp_path / "both")


def test_the_first_of_a_stack_comes_out_as_it_went_in(tmp_path):
    one, two = (
        adapter(tmp_path / "one", rank=4, alpha=8),
        adapter(tmp_path / "two", rank=2, alpha=1),
    )
    stack_loras([one, two], tmp_path / "both")
    extract_first_lora(tmp_path / "both", 4, tmp_path / "again")
    again, first = deltas(tmp_path / "again"), deltas(one)
    for name, delta in again.items():
        np.testing.assert_allclose(delta, first[name], atol=0.05)
    with pytest.raises(ConfigurationError, match=r"--rank is 6, and .* has rank 6: .* from 1 to 5"):
        extract_first_lora(tmp_path / "both", 6, tmp_path / "all")


def compressed(source, out, step=1e-3):
    quantized = {
        path: quantize_by_step(parts, step) for path, parts in decompose_lora(source).items()
    }
    save_quantized_lora(quantized, source, out, {"step": step})
    return out


def test_a_compressed_lora_is_read_as_what_it_was(tmp_path):
    one = adapter(tmp_path / "one", rank=4, alpha=8)
    small = deltas(compressed(one, tmp_path / "small"))
    for name, delta in deltas(one).items():
        assert np.abs(small[name] - delta).max() < 0.03 * np.abs(delta).max()


def test_finer_steps_and_higher_ranks_lose_less(tmp_path):
    parts = decompose_lora(adapter(tmp_path / "one", rank=4, alpha=8))

    def error(quantize):
        return relative_weight_error(parts, {path: quantize(each) for path, each in parts.items()})

    steps = [
        error(lambda each, step=step: quantize_by_step(each, step)) for step in (0.1, 1.0, 5.0)
    ]
    ranks = [error(lambda each, rank=rank: quantize_by_rank(each, rank, 8)) for rank in (4, 3, 2)]
    bits = [error(lambda each, bits=bits: quantize_by_rank(each, 4, bits)) for bits in (8, 6, 4)]
    for errors in (steps, ranks, bits):
        assert 0 < errors[0] < errors[1] < errors[2] < 1


def test_a_compressed_lora_stacks_to_a_plain_one(tmp_path):
    one = adapter(tmp_path / "one", rank=4, alpha=8)
    two = adapter(tmp_path / "two", rank=2, alpha=1)
    small = compressed(one, tmp_path / "small")
    stack_loras([small], tmp_path / "plain")
    stack_loras([small, two], tmp_path / "both")
    plain, first, second = deltas(tmp_path / "plain"), deltas(small), deltas(two)
    for name, delta in deltas(tmp_path / "both").items():
        np.testing.assert_allclose(plain[name], first[name], atol=0.05)
        np.testing.assert_allclose(delta, first[name] + second[name], atol=0.05)
    config = json.loads((tmp_path / "both" / "adapter_config.json").read_text())
    assert (config["r"], config["peft_type"]) == (6, "LORA")


def test_a_compressed_lora_cannot_be_unstacked(tmp_path):
    small = compressed(adapter(tmp_path / "one", rank=4, alpha=8), tmp_path / "small")
    with pytest.raises(ConfigurationError, match=r"quantized adapter.*train the first LoRA again"):
        extract_first_lora(small, 2, tmp_path / "first")
