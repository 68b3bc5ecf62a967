"""Reading LoRA adapters: plain, quantized, and unusable ones."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from gsim_env.errors import ConfigurationError
from gsim_env.models.lora import check_adapter_not_quantized, lora_weights_digest, read_lora_factors

PATH = "base_model.model.model.layers.0.self_attn.q_proj"
PLAIN = {
    f"{PATH}.lora_A.weight": np.array([[1, 2]], np.float16),
    f"{PATH}.lora_B.weight": np.array([[3], [4], [5]], np.float16),
}
QUANTIZED = {
    f"{PATH}.down": np.array([[1, 2], [0, -127]], np.int8),
    f"{PATH}.up": np.array([[3, 4, 5], [1, 0, 0]], np.int8),
    f"{PATH}.scale": np.array([0.5, 0.01], np.float32),
}


def write(folder, tensors, **config):
    save_file(tensors, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps({"r": 1, "lora_alpha": 2, **config}))
    return folder


def test_a_plain_lora_is_scaled_by_alpha_over_r(tmp_path):
    factors = read_lora_factors(write(tmp_path, PLAIN))[PATH]
    assert factors.delta.tolist() == [[6, 12], [8, 16], [10, 20]]


def test_a_quantized_lora_has_a_scale_per_component(tmp_path):
    factors = read_lora_factors(write(tmp_path, QUANTIZED, peft_type="INT8_LORA"))[PATH]
    expected = [[1.5, 3 - 1.27], [2, 4], [2.5, 5]]
    np.testing.assert_allclose(factors.delta, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("tensors", "config", "message"),
    [
        (PLAIN, {"peft_type": "INT8_LORA"}, "no tensor .*down.*copy both again"),
        (QUANTIZED, {}, "no tensor .*lora_A.*copy both again"),
        (PLAIN, {"use_dora": True}, "use_dora.*Merge the adapter with peft"),
        (PLAIN, {"peft_type": "IA3"}, "peft_type 'IA3'.*only LORA and INT8_LORA"),
        (PLAIN, {"r": "many"}, "cannot be read"),
    ],
)
def test_unusable_adapters_are_refused(tmp_path, tensors, config, message):
    with pytest.raises(ConfigurationError, match=message):
        read_lora_factors(write(tmp_path, tensors, **config))


def test_missing_files_are_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"adapter_model.safetensors cannot be read"):
        lora_weights_digest(tmp_path)
    with pytest.raises(ConfigurationError, match=r"adapter_config.json cannot be read"):
        read_lora_factors(tmp_path)
    (tmp_path / "adapter_config.json").write_text('{"r": 1}')
    with pytest.raises(ConfigurationError, match=r"adapter_model.safetensors is missing"):
        read_lora_factors(tmp_path)


def test_a_quantized_lora_is_refused_where_peft_loads_it(tmp_path):
    check_adapter_not_quantized("a-hub/name")
    write(tmp_path, PLAIN)
    check_adapter_not_quantized(str(tmp_path))
    write(tmp_path, QUANTIZED, peft_type="INT8_LORA")
    with pytest.raises(ConfigurationError, match=r"gsim models export OUT --adapter"):
        check_adapter_not_quantized(str(tmp_path))


def test_bfloat16_is_read_as_verl_saves_it(tmp_path):
    import torch
    from safetensors.torch import save_file as save_torch

    write(tmp_path, PLAIN)
    tensors = {name: torch.from_numpy(array).bfloat16() for name, array in PLAIN.items()}
    save_torch(tensors, tmp_path / "adapter_model.safetensors")
    assert read_lora_factors(tmp_path)[PATH].delta.tolist() == [[6, 12], [8, 16], [10, 20]]


def test_weights_that_are_no_safetensors_file_are_refused(tmp_path):
    write(tmp_path, PLAIN)
    (tmp_path / "adapter_model.safetensors").write_text("version https://git-lfs.github.com/spec")
    with pytest.raises(ConfigurationError, match=r"not a safetensors file.*LFS pointer"):
        read_lora_factors(tmp_path)
