"""Base weights from a package, and the merge of a LoRA into them, against transformers."""

import json
import zlib

import numpy as np
import pytest

from gsim_env.errors import ConfigurationError
from gsim_env.groups import Group
from gsim_env.groups.bundle import resolve_template_folder
from gsim_env.models import weights
from gsim_env.models.export import export_gguf_as_transformers

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def base():
    return weights.pull_base_model()


@pytest.fixture(scope="module")
def adapter(tmp_path_factory):
    """A LoRA of random weights on two projections of two layers, as peft would save it."""
    from safetensors.numpy import save_file

    folder, rng = tmp_path_factory.mktemp("adapter"), np.random.default_rng(0)
    tensors = {}
    for layer, module, rows in [
        (0, "self_attn.q_proj", 576),
        (3, "self_attn.k_proj", 192),
        (3, "mlp.up_proj", 1536),
    ]:
        name = f"base_model.model.model.layers.{layer}.{module}"
        tensors[f"{name}.lora_A.weight"] = rng.normal(size=(4, 576)).astype(np.float16)
        tensors[f"{name}.lora_B.weight"] = rng.normal(size=(rows, 4)).astype(np.float16) / 8
    save_file(tensors, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps({"r": 4, "lora_alpha": 8}))
    return folder, tensors


def adapter_config(folder):
    return json.loads((folder / "adapter_config.json").read_text())


def load(path):
    """Weights by transformers' names, as transformers reads a GGUF.

    An independent reading of llama.cpp's layout.
    """
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(str(path.parent), gguf_file=path.name).state_dict()


@pytest.mark.filterwarnings("ignore")
def test_the_merge_adds_b_a_where_transformers_expects_it(base, adapter, tmp_path):
    folder, tensors = adapter
    weights.merge_lora_into_gguf(base, folder, tmp_path / "merged.gguf")
    before, after = load(base), load(tmp_path / "merged.gguf")
    changed = set()
    for name in (name for name in tensors if "lora_A" in name):
        key = name.removeprefix("base_model.model.").replace(".lora_A", "")
        delta = (
            2.0
            * tensors[name.replace("lora_A", "lora_B")].astype(np.float32)
            @ tensors[name].astype(np.float32)
        )
        got = (after[key] - before[key]).float().numpy()
        assert np.abs(got - delta).max() < 0.02 * np.abs(after[key].float().numpy()).max()
        changed.add(key)
    for key, tensor in before.items():
        if key not in changed:
            assert tensor.equal(after[key]), key
    assert not list(tmp_path.glob("*.partial"))


def test_an_adapter_for_another_model_is_refused(base, adapter, tmp_path, monkeypatch):
    folder, _ = adapter
    delta = {"blk.99.attn_q.weight": np.zeros((2, 2), np.float32)}
    monkeypatch.setattr(weights, "read_lora_deltas", lambda _: dict(delta))
    with pytest.raises(ConfigurationError, match="lacks the tensors"):
        weights.merge_lora_into_gguf(base, folder, tmp_path / "merged.gguf")
    assert not list(tmp_path.iterdir())


def test_wrong_base_weights_are_removed(tmp_path):
    file = tmp_path / "model.gguf"
    file.write_bytes(b"not the model")
    with pytest.raises(ConfigurationError, match=r"expected b179c952.*gsim models pull"):
        weights.check_base_model_hash(file)
    assert not file.exists()


def test_the_group_ships_an_adapter_that_merges_once(group: Group):
    adapter = group.path / "adapter"
    assert adapter_config(adapter)["peft_type"] == "INT8_LORA"
    merged = weights.customer_gguf_path(str(adapter))
    stamp = merged.stat().st_mtime_ns
    assert weights.customer_gguf_path(str(adapter)) == merged
    assert merged.stat().st_mtime_ns == stamp


@pytest.mark.filterwarnings("ignore")
def test_export_merges_an_adapter_as_peft_does(base, adapter, tmp_path):
    from peft import LoraConfig, PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder, _ = adapter
    export_gguf_as_transformers(base, tmp_path / "plain")
    export_gguf_as_transformers(base, tmp_path / "merged", folder)
    plain = AutoModelForCausalLM.from_pretrained(tmp_path / "plain")
    modules = ["layers.0.self_attn.q_proj", "layers.3.self_attn.k_proj", "layers.3.mlp.up_proj"]
    LoraConfig(r=4, lora_alpha=8, target_modules=modules).save_pretrained(folder)
    peft = PeftModel.from_pretrained(plain, folder).merge_and_unload().state_dict()
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "merged").state_dict()
    assert all(merged[name].allclose(tensor, atol=1e-5) for name, tensor in peft.items())
    assert AutoTokenizer.from_pretrained(tmp_path / "merged").eos_token == "<|im_end|>"


@pytest.mark.parametrize("group", ["food_delivery", "charity"])
def test_shipped_adapters_are_small_when_zipped(group):
    adapter = resolve_template_folder(group) / "adapter"
    content = (adapter / "adapter_model.safetensors").read_bytes()
    assert len(zlib.compress(content)) < 3.5e6
    assert len(weights.read_lora_deltas(adapter)) == 30 * 7
