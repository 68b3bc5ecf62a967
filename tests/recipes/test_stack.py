"""Two LoRAs stacked do what both do, one after the other."""

import json

import numpy as np
import pytest
from gsim_recipes.embedded_lora.stack import stack
from gsim_recipes.embedded_lora.unstack import unstack
from safetensors.numpy import save_file

from gsim_env.models.weights import read_deltas

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
    config = json.loads((folder / "adapter_config.json").read_text())
    return read_deltas(folder / "adapter_model.safetensors", config["lora_alpha"] / config["r"])


def test_the_stack_changes_weights_by_the_sum_of_what_each_does(tmp_path):
    one, two = (
        adapter(tmp_path / "one", rank=4, alpha=8),
        adapter(tmp_path / "two", rank=2, alpha=1),
    )
    stack([one, two], tmp_path / "both")
    config = json.loads((tmp_path / "both" / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"], config["peft_type"]) == (6, 6, "LORA")
    both, first, second = deltas(tmp_path / "both"), deltas(one), deltas(two)
    assert set(both) == {"blk.0.attn_q.weight", "blk.0.ffn_gate.weight"}
    for name, delta in both.items():
        np.testing.assert_allclose(delta, first[name] + second[name], atol=0.05)
        assert np.abs(second[name]).max() > 0.5


def test_loras_of_different_modules_have_no_sum(tmp_path):
    one, two = adapter(tmp_path / "one", 4, 8), adapter(tmp_path / "two", 2, 1, modules=(QUERY,))
    with pytest.raises(ValueError, match="do not change the same modules"):
        stack([one, two], tmp_path / "both")


def test_the_first_of_a_stack_comes_out_as_it_went_in(tmp_path):
    one, two = (
        adapter(tmp_path / "one", rank=4, alpha=8),
        adapter(tmp_path / "two", rank=2, alpha=1),
    )
    stack([one, two], tmp_path / "both")
    unstack(tmp_path / "both", 4, tmp_path / "again")
    again, first = deltas(tmp_path / "again"), deltas(one)
    for name, delta in again.items():
        np.testing.assert_allclose(delta, first[name], atol=0.05)
    with pytest.raises(
        ValueError, match="has rank 6: the first of its parts has a rank below that, not 6"
    ):
        unstack(tmp_path / "both", 6, tmp_path / "all")
